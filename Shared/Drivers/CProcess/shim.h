#if defined(__linux__)
#include <sys/prctl.h>
#endif

// prctl takes a variable number of arguments, which Swift can't call.

/// Keeps other processes of the same user out of this one's memory and environment; -1 when that isn't possible.
static inline int hideProcess(void) {
#if defined(__linux__)
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#else
    return 0;
#endif
}
