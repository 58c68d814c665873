//= base
#ifndef VIBEE_BASE
#define VIBEE_BASE

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/** Calls within calls of functions that call themselves: more are a fault instead of a crash. */
#ifndef VIBEE_DEPTH_MAX
#define VIBEE_DEPTH_MAX 4000
#endif

/** Why an evaluation ended without a value. */
typedef enum vibee_fault {
    VIBEE_OK,
    VIBEE_OVERFLOW,
    VIBEE_DIV_ZERO,
    VIBEE_INEXACT,
    VIBEE_RANGE,
    VIBEE_INDEX,
    VIBEE_KEY,
    VIBEE_UNWRAP,
    VIBEE_GIVEN,
    VIBEE_THEN,
    VIBEE_DECREASES,
    VIBEE_FUEL,
    VIBEE_MEMORY,
    VIBEE_DEPTH
} vibee_fault;

/** Memory that calls take from an arena. */
struct vibee_chunk {
    struct vibee_chunk *next;
    size_t used;
    size_t capacity;
    max_align_t data[];
};

/**
 * Where calls put what they make. Begins as `{0}`. After a call, `fault` says whether it failed: its result means nothing
 * then, and further calls fail until `fault` is VIBEE_OK again.
 */
typedef struct vibee_arena {
    struct vibee_chunk *chunks;
    vibee_fault fault;
    int depth;
} vibee_arena;

/** Room that a text or a list grows into. */
struct vibee_buffer {
    size_t used;
    size_t capacity;
};

/** A text in UTF-8, without a zero at its end. */
typedef struct vibee_text {
    const uint8_t *items;
    size_t length;
    struct vibee_buffer *buffer;
} vibee_text;

/** A sequence of bytes. */
typedef struct vibee_bytes {
    const uint8_t *items;
    size_t length;
    struct vibee_buffer *buffer;
} vibee_bytes;

/** A balanced ternary digit: -1, 0 or 1. */
typedef int8_t vibee_trit;

/** Gives the text of a string that ends in zero; it is not copied. */
static inline vibee_text vibee_text_of(const char *string) {
    return (vibee_text){(const uint8_t *)string, strlen(string), NULL};
}

/** Frees everything that calls put into the arena. */
static inline void vibee_arena_free(vibee_arena *arena) {
    while (arena->chunks != NULL) {
        struct vibee_chunk *next = arena->chunks->next;
        free(arena->chunks);
        arena->chunks = next;
    }
    arena->fault = VIBEE_OK;
}

#endif

//= list
#ifndef VIBEE_$T
#define VIBEE_$T
/** A list. */
typedef struct $T {
    const $I *items;
    size_t length;
    struct vibee_buffer *buffer;
} $T;
#endif

//= set
#ifndef VIBEE_$T
#define VIBEE_$T
/** A set: its members in order, each once. */
typedef struct $T {
    const $I *items;
    size_t length;
    struct vibee_buffer *buffer;
} $T;
#endif

//= map
#ifndef VIBEE_$T
#define VIBEE_$T
/** A map: its keys in order, each once, and their values. */
typedef struct $T {
    const $I *keys;
    const $V *values;
    size_t length;
} $T;
#endif

//= option
#ifndef VIBEE_$T
#define VIBEE_$T
/** A value, where `is_some`. */
typedef struct $T {
    bool is_some;
    $I value;
} $T;
#endif

//= result
#ifndef VIBEE_$T
#define VIBEE_$T
/** `as.ok` where `is_ok`, else `as.err`. */
typedef struct $T {
    bool is_ok;
    union {
        $I ok;
        $V err;
    } as;
} $T;
#endif
