/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a fuzz target where there is no libFuzzer: first every file of the corpus as it is, then mutations of them. The
 * mutations know no coverage, so this finds what is shallow; it is for every build, and the real fuzzer for long
 * nights.
 *
 *   PROGRAM [-runs=N] [-seconds=N] [-seed=N] [FILE or DIRECTORY]...
 *
 * The options are libFuzzer's. An input that makes the target fail is left in ./crash-input.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 4096
#define CORPUS_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For targets that judge their corpus: inputs that no longer get anywhere test nothing, and look as if they did. */
__attribute__((weak)) void fuzz_check_corpus(size_t inputs);

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t size;
};

static struct input *corpus[CORPUS_MAX];
static size_t corpus_count;
static struct input current;
static uint64_t random_state = 1;

static void keep_input(int number)
{
    int fd = open("crash-input", O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

    if (fd >= 0)
        (void)!write(fd, current.bytes, current.size);
    signal(number, SIG_DFL);
    raise(number);
}

static void run(void)
{
    LLVMFuzzerTestOneInput(current.bytes, current.size);
}

/* ---- The corpus ---- */

static bool add_file(const char *path)
{
    struct input *input = calloc(1, sizeof(*input));
    FILE *file = fopen(path, "re");

    if (!input || !file || corpus_count == CORPUS_MAX) {
        fprintf(stderr, "Cannot take %s\n", path);
        free(input);
        if (file)
            fclose(file);
        return false;
    }
    input->size = fread(input->bytes, 1, sizeof(input->bytes), file);
    fclose(file);
    corpus[corpus_count++] = input;
    return true;
}

static bool add_directory(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    bool is_good = directory;

    while (is_good && (entry = readdir(directory))) {
        char name[4096];

        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            is_good = add_file(name);
    }
    if (directory)
        closedir(directory);
    return is_good;
}

static bool add_path(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        perror(path);
        return false;
    }
    return S_ISDIR(status.st_mode) ? add_directory(path) : add_file(path);
}

/* ---- Mutations ---- */

static size_t below(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return limit ? (size_t)(random_state % limit) : 0;
}

static void insert(size_t at, const uint8_t *bytes, size_t size)
{
    if (current.size + size > INPUT_MAX)
        return;
    memmove(current.bytes + at + size, current.bytes + at, current.size - at);
    memcpy(current.bytes + at, bytes, size);
    current.size += size;
}

static void cut_out(size_t at, size_t size)
{
    if (size > current.size - at)
        size = current.size - at;
    memmove(current.bytes + at, current.bytes + at + size, current.size - at - size);
    current.size -= size;
}

static void put_piece_of_another(void)
{
    const struct input *other = corpus[below(corpus_count)];
    size_t from = below(other->size);

    insert(below(current.size + 1), other->bytes + from, below(other->size - from + 1));
}

static size_t some_length(void)
{
    static const size_t lengths[] = {1, 2, 4, 40, 72, 112, 144};

    return below(4) ? lengths[below(sizeof(lengths) / sizeof(lengths[0]))] : below(300);
}

static void mutate(void)
{
    static const uint8_t types[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  12, 13, 32, 33,
                                    34, 40, 45, 46, 48, 49, 50, 51, 52, 57, 64, 95, 255};
    static const uint8_t zeros[300];
    size_t at = below(current.size), length = some_length();

    switch (current.size ? below(8) : 7) {
    case 0:
        current.bytes[at] ^= (uint8_t)(1 << below(8));
        break;
    case 1:
        current.bytes[at] = (uint8_t)below(256);
        break;
    case 2:
        current.bytes[at] = types[below(sizeof(types))];
        break;
    case 3:
        cut_out(at, length);
        break;
    case 4:
        insert(at, zeros, length);
        break;
    case 5:
        memset(current.bytes + at, 0, length < current.size - at ? length : current.size - at);
        break;
    case 6:
        current.size = at;
        break;
    default:
        put_piece_of_another();
    }
}

static void fuzz_once(void)
{
    current = *corpus[below(corpus_count)];
    for (size_t count = 1 + below(6); count > 0; count--)
        mutate();
    run();
}

/* ---- */

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    uint64_t runs = 0, done = 0, seconds = 0;
    double end;

    for (int i = 1; i < argc; i++) {
        if (sscanf(argv[i], "-runs=%" SCNu64, &runs) == 1 || sscanf(argv[i], "-seconds=%" SCNu64, &seconds) == 1 ||
            sscanf(argv[i], "-seed=%" SCNu64, &random_state) == 1)
            continue;
        if (!add_path(argv[i]))
            return 2;
    }
    if (corpus_count == 0 || random_state == 0) {
        fprintf(stderr, "Usage: %s [-runs=N] [-seconds=N] [-seed=N (not 0)] FILE-or-DIRECTORY...\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, keep_input);
    signal(SIGSEGV, keep_input);

    for (size_t i = 0; i < corpus_count; i++) {
        current = *corpus[i];
        run();
    }
    if (fuzz_check_corpus)
        fuzz_check_corpus(corpus_count);
    end = seconds_now() + (double)seconds;
    while (done < runs || (seconds > 0 && seconds_now() < end)) {
        fuzz_once();
        done++;
    }
    printf("%zu inputs replayed, %" PRIu64 " mutations\n", corpus_count, done);
    for (size_t i = 0; i < corpus_count; i++)
        free(corpus[i]);
    return 0;
}
