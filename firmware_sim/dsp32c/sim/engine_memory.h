/* Where the engine's own memory comes from, and what its doors are: with a C library, and in
   WebAssembly, which has none. There an instance holds one chip and gives nothing back. */
#ifndef ENGINE_MEMORY_H
#define ENGINE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#define DOOR __attribute__((visibility("default")))

#ifdef __wasm__

#define SPARSE 1 /* room is taken for what is used alone */
#define memset __builtin_memset /* instructions of the machine, for lengths that vary too */
#define memcpy __builtin_memcpy

extern uint8_t __heap_base; /* by the linker: behind the stack */

/* Zeroed room at the end of the linear memory, which grows with it; NULL where it cannot. */
static void *room(size_t bytes) {
    static uintptr_t top;
    if (!top) top = (uintptr_t)&__heap_base;
    uintptr_t at = (top + 15) & ~(uintptr_t)15, pages = __builtin_wasm_memory_size(0);
    if (bytes > UINTPTR_MAX - 65535 - at) return NULL;
    uintptr_t needed = (at + bytes + 65535) >> 16;
    if (needed > pages && __builtin_wasm_memory_grow(0, needed - pages) == (size_t)-1) return NULL;
    top = at + bytes;
    return (void *)at;
}

static void give_back(void *p) { (void)p; }
static void abort(void) { __builtin_trap(); }

#else

#include <stdlib.h>
#include <string.h>

#define SPARSE 0 /* room costs nothing before it is used */
static void *room(size_t bytes) { return calloc(1, bytes); }
static void give_back(void *p) { free(p); }

#endif

static void *room_or_abort(size_t bytes) {
    void *p = room(bytes);
    if (!p) abort();
    return p;
}

#endif
