/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The container that a process runs in, by what container engines call its cgroup.
 */

/* text: /proc/PID/cgroup. Sets the path of the cgroup, of several (version 1) the one that tells most, and the name of
 * the container: "docker 3f2a90b1c2d4", "pod 1c9d2e3f-4a5b", "lxc NAME"; NULL if it is none. free() both. -ENODATA if
 * there is no cgroup in the text, -ENOMEM. */
int host_container_find(const char *text, char **ret_cgroup, char **ret_container);
