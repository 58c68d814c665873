/* Answers `vibee test SPEC --impl ./program`: the runner protocol, version 1. One header, C11, no other library.
 *
 *     #include "vibee_runner.h"
 *     static void unit_seconds(const vibee_json *args, FILE *reply) {
 *         const char *unit = vibee_text(vibee_get(args, "unit"));
 *         if (strcmp(unit, "m") == 0) fputs("\"ok\":{\"some\":60}", reply); else fputs("\"ok\":null", reply);
 *     }
 *     int main(void) {
 *         static const vibee_function functions[] = {{"keep_alive.unit_seconds", unit_seconds}};
 *         return vibee_serve("mine", "1.0", functions, 1);
 *     }
 *
 * A function reads its arguments from the request's JSON and writes one pair of the answer: "ok":value, "err":value or
 * "fault":"name". */
#ifndef VIBEE_RUNNER_H
#define VIBEE_RUNNER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A JSON value: a number stays text, a list or object has `first`, whose `next` is the second. */
typedef struct vibee_json {
    char kind; /* one of n t f 0 " [ { : null, true, false, number, text, list, object */
    char *key, *text;
    struct vibee_json *first, *next;
} vibee_json;

typedef struct {
    const char *name; /* module.function */
    void (*call)(const vibee_json *args, FILE *reply);
} vibee_function;

static void vibee_fail(const char *why) {
    fprintf(stderr, "vibee_runner: %s\n", why);
    exit(2);
}

static void vibee_space(const char **at) {
    while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r') ++*at;
}

static unsigned vibee_hex4(const char **at) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", c = **at, *digit;
        char lower = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        if (lower == 0 || (digit = strchr(digits, lower)) == NULL) vibee_fail("bad \\u in a text");
        value = value * 16 + (unsigned)(digit - digits);
        ++*at;
    }
    return value;
}

static char *vibee_string(const char **at) {
    size_t n = 0;
    char *text = malloc(strlen(*at) + 1); /* no escape is shorter than its UTF-8 */
    if (text == NULL) vibee_fail("no memory");
    for (++*at; **at != '"';) {
        unsigned char c = (unsigned char)*(*at)++;
        if (c == 0) vibee_fail("a text without its end");
        if (c != '\\') {
            text[n++] = (char)c;
            continue;
        }
        char escape = *(*at)++;
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const char *found = escape == 0 ? NULL : strchr(from, escape);
        if (found != NULL) {
            text[n++] = to[found - from];
            continue;
        }
        if (escape != 'u') vibee_fail("bad escape in a text");
        unsigned code = vibee_hex4(at);
        if (code >= 0xD800 && code < 0xDC00 && (*at)[0] == '\\' && (*at)[1] == 'u') {
            *at += 2;
            code = 0x10000 + ((code - 0xD800) << 10) + (vibee_hex4(at) - 0xDC00);
        }
        if (code >= 0x10000) {
            text[n++] = (char)(0xF0 | (code >> 18));
            text[n++] = (char)(0x80 | ((code >> 12) & 63));
            text[n++] = (char)(0x80 | ((code >> 6) & 63));
            text[n++] = (char)(0x80 | (code & 63));
        } else if (code >= 0x800) {
            text[n++] = (char)(0xE0 | (code >> 12));
            text[n++] = (char)(0x80 | ((code >> 6) & 63));
            text[n++] = (char)(0x80 | (code & 63));
        } else if (code >= 0x80) {
            text[n++] = (char)(0xC0 | (code >> 6));
            text[n++] = (char)(0x80 | (code & 63));
        } else {
            text[n++] = (char)code;
        }
    }
    ++*at;
    text[n] = 0;
    return text;
}

static vibee_json *vibee_parse(const char **at) {
    vibee_json *value = calloc(1, sizeof *value);
    if (value == NULL) vibee_fail("no memory");
    vibee_space(at);
    value->kind = **at;
    if (value->kind == '"') {
        value->text = vibee_string(at);
    } else if (value->kind == '[' || value->kind == '{') {
        char end = value->kind == '[' ? ']' : '}';
        vibee_json **last = &value->first;
        ++*at;
        for (vibee_space(at); **at != end; vibee_space(at)) {
            char *key = NULL;
            if (value->kind == '{') {
                if (**at != '"') vibee_fail("an object without a key");
                key = vibee_string(at);
                vibee_space(at);
                if (*(*at)++ != ':') vibee_fail("an object without a colon");
            }
            *last = vibee_parse(at);
            (*last)->key = key;
            last = &(*last)->next;
            vibee_space(at);
            if (**at == ',') ++*at;
            else if (**at != end) vibee_fail("a list without a comma");
        }
        ++*at;
    } else {
        size_t n = strcspn(*at, ",]} \t\r\n");
        if (n == 0) vibee_fail("no value");
        value->text = calloc(n + 1, 1);
        if (value->text == NULL) vibee_fail("no memory");
        memcpy(value->text, *at, n);
        if (strchr("ntf", value->kind) == NULL) value->kind = '0';
        *at += n;
    }
    return value;
}

static void vibee_free(vibee_json *value) {
    while (value != NULL) {
        vibee_json *next = value->next;
        vibee_free(value->first);
        free(value->key);
        free(value->text);
        free(value);
        value = next;
    }
}

/* The value of a key; NULL where there is none. */
static inline const vibee_json *vibee_get(const vibee_json *object, const char *key) {
    const vibee_json *at = object == NULL ? NULL : object->first;
    while (at != NULL && (at->key == NULL || strcmp(at->key, key) != 0)) at = at->next;
    return at;
}

/* The characters of a text or number; "" for anything else. */
static inline const char *vibee_text(const vibee_json *value) {
    return value == NULL || value->text == NULL ? "" : value->text;
}

/* An Int of any size, which comes as a number or as text. */
static inline long long vibee_int(const vibee_json *value) {
    return strtoll(vibee_text(value), NULL, 10);
}

/* A Float, which comes as a number, "NaN", "Infinity", "-Infinity" or "-0". */
static inline double vibee_float(const vibee_json *value) {
    return strtod(vibee_text(value), NULL);
}

/* Writes a text as JSON. */
static inline void vibee_put_text(FILE *reply, const char *text) {
    fputc('"', reply);
    for (; *text != 0; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') fprintf(reply, "\\%c", c);
        else if (c < 0x20) fprintf(reply, "\\u%04x", c);
        else fputc(c, reply);
    }
    fputc('"', reply);
}

/* Reads one line of any length; NULL at the end. The caller frees it. */
static char *vibee_line(void) {
    size_t n = 0, size = 4096;
    char *line = malloc(size);
    int c;
    if (line == NULL) vibee_fail("no memory");
    while ((c = getchar()) != EOF && c != '\n') {
        if (n + 1 == size && (line = realloc(line, size *= 2)) == NULL) vibee_fail("no memory");
        line[n++] = (char)c;
    }
    line[n] = 0;
    if (c != EOF || n > 0) return line;
    free(line);
    return NULL;
}

/* Answers requests on standard input until `bye`; the module of every function counts as known. */
static int vibee_serve(const char *name, const char *version, const vibee_function *functions, size_t n) {
    char *line;
    while ((line = vibee_line()) != NULL) {
        const char *at = line;
        vibee_json *request = vibee_parse(&at);
        const char *what = vibee_text(vibee_get(request, "do"));
        int is_last = strcmp(what, "bye") == 0;
        if (!is_last) printf("{\"id\":%s,", vibee_text(vibee_get(request, "id")));
        if (strcmp(what, "hello") == 0) {
            printf("\"impl\":");
            vibee_put_text(stdout, name);
            printf(",\"version\":");
            vibee_put_text(stdout, version);
            printf(",\"modules\":[");
            for (size_t i = 0; i < n; i++) {
                size_t length = strcspn(functions[i].name, ".");
                printf("%s\"%.*s\"", i == 0 ? "" : ",", (int)length, functions[i].name);
            }
            printf("]}\n");
        } else if (!is_last) {
            const char *wanted = vibee_text(vibee_get(request, "fn"));
            size_t i = 0;
            while (i < n && strcmp(functions[i].name, wanted) != 0) i++;
            if (strcmp(what, "call") == 0 && i < n) functions[i].call(vibee_get(request, "args"), stdout);
            else printf("\"unsupported\":true");
            printf("}\n");
        }
        fflush(stdout);
        vibee_free(request);
        free(line);
        if (is_last) break;
    }
    return 0;
}

#endif
