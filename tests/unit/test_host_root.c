/* SPDX-License-Identifier: Apache-2.0 */
/* links: tt_alloc_host */

/*
 * Reading below a root: what is there, what is not, what somebody has put there to annoy us, and that no path leads
 * out.
 */

#include "tests/unit/host_fixture.h"

#include <errno.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "host/directory.h"
#include "host/root.h"

static struct host_root open_root(const struct tree *tree)
{
    struct host_root root = {.fd = -1};

    assert_int_equal(host_root_open(tree->path, &root), 0);
    assert_false(root.is_live);
    return root;
}

/* A tree and its root. */
struct place {
    struct tree tree;
    struct host_root root;
};

static struct place place_open(void)
{
    struct place place = {.tree = tree_open()};

    place.root = open_root(&place.tree);
    return place;
}

static void place_close(struct place *place)
{
    host_root_close(&place->root);
    tree_close(&place->tree);
}

static void assert_line(const struct place *place, const char *path, const char *expected)
{
    char line[64] = "untouched";

    assert_int_equal(host_root_read_line(&place->root, line, sizeof(line), "%s", path), 0);
    assert_string_equal(line, expected);
}

/* Neither way of reading gets anything, and results stay as they were. */
static void assert_fails(const struct place *place, const char *path, int error)
{
    char line[64] = "untouched";
    char *text = line;
    size_t size = 77;
    int fd = -77;

    assert_int_equal(host_root_read_line(&place->root, line, sizeof(line), "%s", path), error);
    assert_string_equal(line, "untouched");
    assert_int_equal(host_root_read(&place->root, 100, &text, &size, "%s", path), error);
    assert_ptr_equal(text, line);
    assert_int_equal(size, 77);
    if (error != -EINVAL) { /* a directory can be opened */
        assert_int_equal(host_root_open_at(&place->root, &fd, "%s", path), error);
        assert_int_equal(fd, -77);
    }
}

static void test_roots_that_are_none(void **state)
{
    struct tree tree = tree_open();
    struct host_root root = {.fd = -77};
    char path[128];

    (void)state;
    tree_write(&tree, "file", "text");
    snprintf(path, sizeof(path), "%s/nothing", tree.path);
    assert_int_equal(host_root_open(path, &root), -ENOENT);
    snprintf(path, sizeof(path), "%s/file", tree.path);
    assert_int_equal(host_root_open(path, &root), -ENOTDIR);
    assert_int_equal(root.fd, -77);
    tree_close(&tree);
}

static void test_the_live_root_by_its_names(void **state)
{
    static const char *const names[] = {NULL, "/", "//", "/proc/.."};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct host_root root;
        char line[64];

        assert_int_equal(host_root_open(names[i], &root), 0);
        assert_true(root.is_live);
        assert_int_equal(host_root_read_line(&root, line, sizeof(line), "proc/self/root/proc/%d/stat", getpid()), 0);
        assert_int_equal(atoi(line), getpid());
        assert_int_equal(host_root_read_link(&root, line, sizeof(line), "proc/self/ns/pid"), 0);
        assert_int_equal(strncmp(line, "pid:[", 5), 0);
        host_root_close(&root);
        host_root_close(&root);
    }
}

static void test_lines(void **state)
{
    struct place place = place_open();
    char line[8];

    (void)state;
    tree_write(&place.tree, "plain", "text\n");
    tree_write(&place.tree, "open", "text");
    tree_write(&place.tree, "spaced", " \t two words \r\nsecond\n");
    tree_write_bytes(&place.tree, "zero", "te\0xt\n", 6);
    tree_write(&place.tree, "long", "0123456789\n");
    assert_line(&place, "plain", "text");
    assert_line(&place, "open", "text");
    assert_line(&place, "spaced", "two words");
    assert_line(&place, "zero", "te");
    assert_int_equal(host_root_read_line(&place.root, line, sizeof(line), "lo%s", "ng"), 0);
    assert_string_equal(line, "0123456");
    place_close(&place);
}

static void test_lines_without_text_are_no_data(void **state)
{
    static const char *const texts[] = {"", "\n", " \t \n", "\nsecond\n"};
    struct place place = place_open();
    char line[8] = "before";

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        tree_write(&place.tree, "file", texts[i]);
        assert_int_equal(host_root_read_line(&place.root, line, sizeof(line), "file"), -ENODATA);
        assert_string_equal(line, "before");
    }
    place_close(&place);
}

static void test_whole_files_up_to_a_limit(void **state)
{
    static const size_t limits[] = {0, 1, 4095, 4096, 4097, 100000, 1000000, 1 << 20, 3000000};
    const size_t file_size = 1000000;
    struct place place = place_open();
    char *bytes = malloc(file_size), *text;
    size_t size;

    (void)state;
    for (size_t i = 0; i < file_size; i++)
        bytes[i] = (char)(i * 31 % 251);
    tree_write_bytes(&place.tree, "file", bytes, file_size);
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        assert_int_equal(host_root_read(&place.root, limits[i], &text, &size, "file"), 0);
        assert_int_equal(size, limits[i] < file_size ? limits[i] : file_size);
        assert_memory_equal(text, bytes, size);
        assert_int_equal(text[size], 0);
        free(text);
    }
    assert_int_equal(host_root_read(&place.root, 10, &text, NULL, "file"), 0);
    free(text);
    free(bytes);
    place_close(&place);
}

static void test_what_is_not_there(void **state)
{
    struct place place = place_open();
    char path[5000];

    (void)state;
    tree_write(&place.tree, "file", "text");
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_fails(&place, "nothing", -ENOENT);
    assert_fails(&place, "nothing/below", -ENOENT);
    assert_fails(&place, "file/below", -ENOTDIR);
    assert_fails(&place, path, -ENAMETOOLONG);
    path[300] = '\0';
    assert_fails(&place, path, -ENAMETOOLONG);
    place_close(&place);
}

static void test_links_that_stand_for_errors(void **state)
{
    struct place place = place_open();
    char **names = NULL;
    char text[16];

    (void)state;
    tree_link(&place.tree, "no-data", "!ENODATA");
    tree_link(&place.tree, "no-device", "!ENODEV");
    tree_link(&place.tree, "closed", "!EACCES");
    tree_link(&place.tree, "dead", "!EIO");
    tree_link(&place.tree, "unknown", "!ENOSUCHERROR");
    tree_link(&place.tree, "empty", "!");
    tree_link(&place.tree, "dangling", "nothing");
    assert_fails(&place, "no-data", -ENODATA);
    assert_fails(&place, "no-device", -ENODEV);
    assert_fails(&place, "closed", -EACCES);
    assert_fails(&place, "dead", -EIO);
    assert_fails(&place, "unknown", -ENOENT);
    assert_fails(&place, "empty", -ENOENT);
    assert_fails(&place, "dangling", -ENOENT);
    assert_int_equal(host_root_list(&place.root, &names, "closed"), -EACCES);
    assert_int_equal(host_root_read_link(&place.root, text, sizeof(text), "no-device"), -ENODEV);
    place_close(&place);
}

static void test_links_stay_inside(void **state)
{
    struct place place = place_open();

    (void)state;
    tree_write(&place.tree, "etc/passwd", "ours\n");
    tree_link(&place.tree, "absolute", "/etc/passwd");
    tree_link(&place.tree, "climbing", "../../../../../../../../etc/passwd");
    tree_link(&place.tree, "a/b/relative", "../../etc/passwd");
    tree_link(&place.tree, "chain", "absolute");
    tree_link(&place.tree, "loop", "loop");
    tree_link(&place.tree, "outside", "/proc/self/stat");
    assert_line(&place, "absolute", "ours");
    assert_line(&place, "climbing", "ours");
    assert_line(&place, "../../etc/passwd", "ours");
    assert_line(&place, "a/b/relative", "ours");
    assert_line(&place, "chain", "ours");
    assert_fails(&place, "loop", -ELOOP);
    assert_fails(&place, "outside", -ENOENT);
    place_close(&place);
}

static void test_reading_links(void **state)
{
    struct place place = place_open();
    char text[16] = "untouched";

    (void)state;
    tree_write(&place.tree, "file", "text");
    tree_link(&place.tree, "a/link", "../../somewhere");
    tree_link(&place.tree, "long", "0123456789abcdefghi");
    assert_int_equal(host_root_read_link(&place.root, text, sizeof(text), "file"), -EINVAL);
    assert_int_equal(host_root_read_link(&place.root, text, sizeof(text), "a"), -EINVAL);
    assert_int_equal(host_root_read_link(&place.root, text, sizeof(text), "nothing"), -ENOENT);
    assert_string_equal(text, "untouched");
    assert_int_equal(host_root_read_link(&place.root, text, sizeof(text), "%c/link", 'a'), 0);
    assert_string_equal(text, "../../somewhere");
    assert_int_equal(host_root_read_link(&place.root, text, sizeof(text), "long"), 0);
    assert_string_equal(text, "0123456789abcde");
    place_close(&place);
}

static void make_socket(const struct tree *tree, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", tree->path, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
}

/* Reading them would wait, or fail in ways of its own, and opening them may be noticed. */
static void test_what_is_no_file_is_not_opened(void **state)
{
    struct place place = place_open();
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), fd = -1;
    char path[128], events[512];

    (void)state;
    tree_make_fifo(&place.tree, "special/fifo");
    make_socket(&place.tree, "special/socket");
    tree_link(&place.tree, "link", "special/fifo");
    tree_mkdir(&place.tree, "directory");
    snprintf(path, sizeof(path), "%s/special", place.tree.path);
    assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);

    assert_fails(&place, "special/fifo", -EINVAL);
    assert_fails(&place, "special/socket", -EINVAL);
    assert_fails(&place, "link", -EINVAL);
    assert_fails(&place, "directory", -EINVAL);
    assert_int_equal(host_root_open_at(&place.root, &fd, "special/fifo"), -EINVAL);
    assert_int_equal(read(watch, events, sizeof(events)), -1);
    assert_int_equal(errno, EAGAIN);
    close(watch);
    place_close(&place);
}

/* The same of what is read by its name in a directory. */
static void test_what_is_no_file_in_a_directory_is_not_opened(void **state)
{
    struct place place = place_open();
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char path[128], events[512], line[8], *text;
    struct directory directory;

    (void)state;
    tree_make_fifo(&place.tree, "special/fifo");
    snprintf(path, sizeof(path), "%s/special", place.tree.path);
    directory = directory_open(&place.root, "special");
    assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);

    assert_int_equal(directory_read(&directory, "fifo", 16, &text, NULL), -EINVAL);
    assert_int_equal(directory_read_line(&directory, "fifo", line, sizeof(line)), -EINVAL);
    assert_int_equal(read(watch, events, sizeof(events)), -1);
    assert_int_equal(errno, EAGAIN);
    directory_close(&directory);
    close(watch);
    place_close(&place);
}

static void test_a_device_node_in_a_directory(void **state)
{
    struct place place = place_open();
    struct directory directory;
    char path[128], *text;
    int made;

    (void)state;
    tree_mkdir(&place.tree, "special");
    snprintf(path, sizeof(path), "%s/special/zero", place.tree.path);
    made = mknod(path, S_IFCHR | 0600, makedev(1, 5));
    if (made < 0) {
        print_message("device nodes cannot be made here: %s\n", strerror(errno));
        place_close(&place);
        skip();
    }
    directory = directory_open(&place.root, "special");
    assert_int_equal(directory_read(&directory, "zero", 16, &text, NULL), -EINVAL);
    directory_close(&directory);
    place_close(&place);
}

static void test_opening_files_and_directories(void **state)
{
    struct place place = place_open();
    char byte;
    int fd;

    (void)state;
    tree_write(&place.tree, "a/file", "x");
    assert_int_equal(host_root_open_at(&place.root, &fd, "%s/file", "a"), 0);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    close(fd);
    assert_int_equal(host_root_open_at(&place.root, &fd, "a"), 0);
    close(fd);
    place_close(&place);
}

static void test_finding_directories(void **state)
{
    struct place place = place_open();
    int fd = -77, file;

    (void)state;
    tree_write(&place.tree, "a/file", "x");
    tree_link(&place.tree, "link", "/a");
    tree_link(&place.tree, "gone", "!ENODEV");
    assert_int_equal(host_root_find_directory(&place.root, &fd, "a/file"), -ENOTDIR);
    assert_int_equal(host_root_find_directory(&place.root, &fd, "nothing"), -ENOENT);
    assert_int_equal(host_root_find_directory(&place.root, &fd, "gone"), -ENODEV);
    assert_int_equal(fd, -77);
    assert_int_equal(host_root_find_directory(&place.root, &fd, "link"), 0);
    file = openat(fd, "file", O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    close(file);
    close(fd);
    place_close(&place);
}

static void test_names_are_sorted_as_people_count(void **state)
{
    static const char *const expected[] = {"x!1", "x!2", "x!10", "y"};
    struct place place = place_open();
    char **names = NULL;

    (void)state;
    tree_write(&place.tree, "a/x!10", "");
    tree_write(&place.tree, "a/y", "");
    tree_write(&place.tree, "a/.hidden", "");
    tree_mkdir(&place.tree, "a/x!2");
    tree_link(&place.tree, "a/x!1", "nowhere");
    assert_int_equal(host_root_list(&place.root, &names, "a"), 0);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(names[i], expected[i]);
    assert_null(names[4]);
    assert_null(host_root_free_names(names));
    assert_null(host_root_free_names(NULL));
    place_close(&place);
}

static void test_directories_empty_large_and_none(void **state)
{
    struct place place = place_open();
    char **names = NULL;
    size_t count = 0;

    (void)state;
    assert_int_equal(host_root_list(&place.root, &names, "nothing"), -ENOENT);
    tree_write(&place.tree, "file", "");
    assert_int_equal(host_root_list(&place.root, &names, "file"), -ENOTDIR);
    assert_null(names);
    tree_mkdir(&place.tree, "empty");
    assert_int_equal(host_root_list(&place.root, &names, "empty"), 0);
    assert_null(names[0]);
    host_root_free_names(names);

    for (int i = 0; i < 1000; i++) {
        char name[32];

        snprintf(name, sizeof(name), "large/%d", i);
        tree_write(&place.tree, name, "");
    }
    assert_int_equal(host_root_list(&place.root, &names, "large"), 0);
    for (count = 0; names[count]; count++)
        assert_int_equal(atoi(names[count]), count);
    assert_int_equal(count, 1000);
    host_root_free_names(names);
    place_close(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE(test_roots_that_are_none),
        FIXTURE(test_the_live_root_by_its_names),
        FIXTURE(test_lines),
        FIXTURE(test_lines_without_text_are_no_data),
        FIXTURE(test_whole_files_up_to_a_limit),
        FIXTURE(test_what_is_not_there),
        FIXTURE(test_links_that_stand_for_errors),
        FIXTURE(test_links_stay_inside),
        FIXTURE(test_reading_links),
        FIXTURE(test_what_is_no_file_is_not_opened),
        FIXTURE(test_what_is_no_file_in_a_directory_is_not_opened),
        FIXTURE(test_a_device_node_in_a_directory),
        FIXTURE(test_opening_files_and_directories),
        FIXTURE(test_finding_directories),
        FIXTURE(test_names_are_sorted_as_people_count),
        FIXTURE(test_directories_empty_large_and_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
