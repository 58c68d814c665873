//= fail
/* Notes a fault; what calls it gives any value. */
static inline void vibee_fail(vibee_arena *arena, vibee_fault fault) {
    arena->fault = fault;
}

//= allocate: fail
/* Gives memory of the arena, or NULL and the fault. */
static inline void *vibee_allocate(vibee_arena *arena, size_t bytes) {
    struct vibee_chunk *chunk = arena->chunks;
    if (bytes > SIZE_MAX / 2) {
        vibee_fail(arena, VIBEE_MEMORY);
        return NULL;
    }
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (chunk == NULL || bytes > chunk->capacity - chunk->used) {
        size_t capacity = bytes > 65536 ? bytes : 65536;
        chunk = malloc(sizeof(struct vibee_chunk) + capacity);
        if (chunk == NULL) {
            vibee_fail(arena, VIBEE_MEMORY);
            return NULL;
        }
        *chunk = (struct vibee_chunk){arena->chunks, 0, capacity};
        arena->chunks = chunk;
    }
    void *given = (unsigned char *)chunk->data + chunk->used;
    chunk->used += bytes;
    return given;
}

//= grow: allocate
/* Gives items behind whose first `bytes` there is room for `more`: where they are if that is free, else a copy. */
static inline void *vibee_grow(vibee_arena *arena, const void *items, size_t bytes, size_t more, struct vibee_buffer **at) {
    struct vibee_buffer *buffer = *at;
    if (buffer != NULL && (const unsigned char *)items + bytes == (unsigned char *)(buffer + 1) + buffer->used
        && more <= buffer->capacity - buffer->used) {
        buffer->used += more;
        return (void *)(uintptr_t)items;
    }
    size_t capacity = bytes + more < 24 ? 48 : 2 * (bytes + more);
    buffer = vibee_allocate(arena, sizeof(struct vibee_buffer) + capacity);
    if (buffer == NULL) {
        return NULL;
    }
    *buffer = (struct vibee_buffer){bytes + more, capacity};
    *at = buffer;
    if (bytes > 0) {
        memcpy(buffer + 1, items, bytes);
    }
    return buffer + 1;
}

//= signed
/* Gives the Int that is equal modulo 2^64. */
static inline int64_t vibee_signed(uint64_t bits) {
    return bits <= INT64_MAX ? (int64_t)bits : (int64_t)(bits - (uint64_t)INT64_MAX - 1) + INT64_MIN;
}

//= range: fail
static inline int64_t vibee_range(vibee_arena *arena, int64_t value, int64_t low, int64_t high) {
    if (value < low || value > high) {
        vibee_fail(arena, VIBEE_RANGE);
    }
    return value;
}

//= IntAdd: fail
static inline int64_t vibee_add(vibee_arena *arena, int64_t a, int64_t b) {
    if (b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b) {
        vibee_fail(arena, VIBEE_OVERFLOW);
        return 0;
    }
    return a + b;
}

//= IntSub: fail
static inline int64_t vibee_sub(vibee_arena *arena, int64_t a, int64_t b) {
    if (b > 0 ? a < INT64_MIN + b : a > INT64_MAX + b) {
        vibee_fail(arena, VIBEE_OVERFLOW);
        return 0;
    }
    return a - b;
}

//= mul_overflows
static inline bool vibee_mul_overflows(int64_t a, int64_t b) {
    if (a == 0 || b == 0) {
        return false;
    }
    if (a > 0) {
        return b > 0 ? a > INT64_MAX / b : b < INT64_MIN / a;
    }
    return b > 0 ? a < INT64_MIN / b : b < INT64_MAX / a;
}

//= IntMul: fail, mul_overflows
static inline int64_t vibee_mul(vibee_arena *arena, int64_t a, int64_t b) {
    if (vibee_mul_overflows(a, b)) {
        vibee_fail(arena, VIBEE_OVERFLOW);
        return 0;
    }
    return a * b;
}

//= IntNeg: fail
static inline int64_t vibee_neg(vibee_arena *arena, int64_t a) {
    if (a == INT64_MIN) {
        vibee_fail(arena, VIBEE_OVERFLOW);
        return 0;
    }
    return -a;
}

//= divisible: fail
/* Whether `a / b` is an Int; the fault if not. */
static inline bool vibee_divisible(vibee_arena *arena, int64_t a, int64_t b) {
    if (b == 0) {
        vibee_fail(arena, VIBEE_DIV_ZERO);
        return false;
    }
    if (a == INT64_MIN && b == -1) {
        vibee_fail(arena, VIBEE_OVERFLOW);
        return false;
    }
    return true;
}

//= IntDiv: divisible
/* The quotient whose remainder is never negative. */
static inline int64_t vibee_div(vibee_arena *arena, int64_t a, int64_t b) {
    if (!vibee_divisible(arena, a, b)) {
        return 0;
    }
    int64_t quotient = a / b;
    return a % b >= 0 ? quotient : b > 0 ? quotient - 1 : quotient + 1;
}

//= IntMod: fail
/* The remainder that is never negative. */
static inline int64_t vibee_mod(vibee_arena *arena, int64_t a, int64_t b) {
    if (b == 0) {
        vibee_fail(arena, VIBEE_DIV_ZERO);
        return 0;
    }
    if (b == -1) {
        return 0;
    }
    int64_t remainder = a % b;
    return remainder >= 0 ? remainder : b > 0 ? remainder + b : remainder - b;
}

//= IntQuo: divisible
static inline int64_t vibee_quo(vibee_arena *arena, int64_t a, int64_t b) {
    return vibee_divisible(arena, a, b) ? a / b : 0;
}

//= IntRem: fail
static inline int64_t vibee_rem(vibee_arena *arena, int64_t a, int64_t b) {
    if (b == 0) {
        vibee_fail(arena, VIBEE_DIV_ZERO);
        return 0;
    }
    return b == -1 ? 0 : a % b;
}

//= IntWrappingAdd: signed
static inline int64_t vibee_wrapping_add(int64_t a, int64_t b) {
    return vibee_signed((uint64_t)a + (uint64_t)b);
}

//= IntWrappingSub: signed
static inline int64_t vibee_wrapping_sub(int64_t a, int64_t b) {
    return vibee_signed((uint64_t)a - (uint64_t)b);
}

//= IntWrappingMul: signed
static inline int64_t vibee_wrapping_mul(int64_t a, int64_t b) {
    return vibee_signed((uint64_t)a * (uint64_t)b);
}

//= IntSaturatingAdd
static inline int64_t vibee_saturating_add(int64_t a, int64_t b) {
    if (b > 0) {
        return a > INT64_MAX - b ? INT64_MAX : a + b;
    }
    return a < INT64_MIN - b ? INT64_MIN : a + b;
}

//= IntSaturatingSub
static inline int64_t vibee_saturating_sub(int64_t a, int64_t b) {
    if (b > 0) {
        return a < INT64_MIN + b ? INT64_MIN : a - b;
    }
    return a > INT64_MAX + b ? INT64_MAX : a - b;
}

//= IntSaturatingMul: mul_overflows
static inline int64_t vibee_saturating_mul(int64_t a, int64_t b) {
    if (vibee_mul_overflows(a, b)) {
        return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
    }
    return a * b;
}

//= U64Div: fail
static inline uint64_t vibee_u64_div(vibee_arena *arena, uint64_t a, uint64_t b) {
    if (b == 0) {
        vibee_fail(arena, VIBEE_DIV_ZERO);
        return 0;
    }
    return a / b;
}

//= U64Mod: fail
static inline uint64_t vibee_u64_mod(vibee_arena *arena, uint64_t a, uint64_t b) {
    if (b == 0) {
        vibee_fail(arena, VIBEE_DIV_ZERO);
        return 0;
    }
    return a % b;
}

//= U64Shl: fail
static inline uint64_t vibee_shl(vibee_arena *arena, uint64_t bits, int64_t count) {
    if (count < 0) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    return count < 64 ? bits << count : 0;
}

//= U64Shr: fail
static inline uint64_t vibee_shr(vibee_arena *arena, uint64_t bits, int64_t count) {
    if (count < 0) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    return count < 64 ? bits >> count : 0;
}

//= U64Rotl
static inline uint64_t vibee_rotl(uint64_t bits, int64_t count) {
    unsigned turn = (unsigned)((uint64_t)count % 64);
    return turn == 0 ? bits : bits << turn | bits >> (64 - turn);
}

//= U64Popcount
static inline int64_t vibee_popcount(uint64_t bits) {
    int64_t count = 0;
    for (; bits != 0; bits &= bits - 1) {
        count++;
    }
    return count;
}

//= U64FromInt: fail
static inline uint64_t vibee_u64(vibee_arena *arena, int64_t value) {
    if (value < 0) {
        vibee_fail(arena, VIBEE_RANGE);
    }
    return (uint64_t)value;
}

//= U64ToInt: fail
static inline int64_t vibee_int(vibee_arena *arena, uint64_t value) {
    if (value > INT64_MAX) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    return (int64_t)value;
}

//= U64ToBits: signed

//= whole: fail
/* An Int of a Float that is whole, infinite or NaN. */
static inline int64_t vibee_whole(vibee_arena *arena, double x) {
    if (!(x >= -9223372036854775808.0 && x < 9223372036854775808.0)) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    return (int64_t)x;
}

//= FloatFloor: whole
//= FloatCeil: whole
//= FloatTrunc: whole
//= FloatRoundEven: whole

//= FloatFromInt: fail
static inline double vibee_exact(vibee_arena *arena, int64_t value) {
    double x = (double)value;
    if (x >= 9223372036854775808.0 || (int64_t)x != value) {
        vibee_fail(arena, VIBEE_INEXACT);
    }
    return x;
}

//= FloatBits
static inline uint64_t vibee_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? UINT64_C(0x7ff8000000000000) : bits;
}

//= FloatFromBits
static inline double vibee_from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x != x ? (double)NAN : x;
}

//= F32Bits
static inline uint64_t vibee_f32_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? 0x7fc00000 : bits;
}

//= F32FromBits: fail
static inline float vibee_f32_from_bits(vibee_arena *arena, uint64_t bits) {
    if (bits > UINT32_MAX) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    uint32_t narrow = (uint32_t)bits;
    float x;
    memcpy(&x, &narrow, sizeof x);
    return x != x ? NAN : x;
}

//= compare_bool
static inline int vibee_compare_bool(bool a, bool b) {
    return (a > b) - (a < b);
}

//= compare_trit
static inline int vibee_compare_trit(vibee_trit a, vibee_trit b) {
    return (a > b) - (a < b);
}

//= compare_int
static inline int vibee_compare_int(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

//= compare_u64
static inline int vibee_compare_u64(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

//= compare_float
/* From -inf to inf, then NaN; -0.0 before 0.0. */
static inline int vibee_compare_float(double a, double b) {
    if (a != a || b != b) {
        return (a != a) - (b != b);
    }
    if (a == 0 && b == 0) {
        return (signbit(a) == 0) - (signbit(b) == 0);
    }
    return (a > b) - (a < b);
}

//= compare_f32: compare_float
static inline int vibee_compare_f32(float a, float b) {
    return vibee_compare_float((double)a, (double)b);
}

//= compare_octets
static inline int vibee_compare_octets(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length) {
    size_t common = a_length < b_length ? a_length : b_length;
    int order = common == 0 ? 0 : memcmp(a, b, common);
    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return (a_length > b_length) - (a_length < b_length);
}

//= compare_text: compare_octets
static inline int vibee_compare_text(vibee_text a, vibee_text b) {
    return vibee_compare_octets(a.items, a.length, b.items, b.length);
}

//= compare_bytes: compare_octets
static inline int vibee_compare_bytes(vibee_bytes a, vibee_bytes b) {
    return vibee_compare_octets(a.items, a.length, b.items, b.length);
}

//= TritNot
static inline vibee_trit vibee_trit_not(vibee_trit a) {
    return (vibee_trit)-a;
}

//= TritAnd
static inline vibee_trit vibee_trit_and(vibee_trit a, vibee_trit b) {
    return a < b ? a : b;
}

//= TritOr
static inline vibee_trit vibee_trit_or(vibee_trit a, vibee_trit b) {
    return a > b ? a : b;
}

//= TritImplies: TritNot, TritOr
static inline vibee_trit vibee_trit_implies(vibee_trit a, vibee_trit b) {
    return vibee_trit_or(vibee_trit_not(a), b);
}

//= TritXor: TritNot, TritAnd, TritOr
static inline vibee_trit vibee_trit_xor(vibee_trit a, vibee_trit b) {
    return vibee_trit_and(vibee_trit_or(a, b), vibee_trit_not(vibee_trit_and(a, b)));
}

//= TritMul
static inline vibee_trit vibee_trit_mul(vibee_trit a, vibee_trit b) {
    return (vibee_trit)(a * b);
}

//= TritAdd
static inline vibee_tuple_2_trit_trit vibee_trit_add(vibee_trit a, vibee_trit b) {
    int sum = a + b;
    int carry = sum > 1 ? 1 : sum < -1 ? -1 : 0;
    return (vibee_tuple_2_trit_trit){(vibee_trit)(sum - 3 * carry), (vibee_trit)carry};
}

//= TritConsensus
static inline vibee_trit vibee_trit_consensus(vibee_trit a, vibee_trit b) {
    return a == b ? a : 0;
}

//= TritFromInt: fail
static inline vibee_trit vibee_trit_of(vibee_arena *arena, int64_t value) {
    if (value < -1 || value > 1) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    return (vibee_trit)value;
}

//= tryte
/* The greatest number of so many balanced ternary digits. */
static inline int64_t vibee_tryte_most(int width) {
    int64_t most = 0;
    while (width-- > 0) {
        most = 3 * most + 1;
    }
    return most;
}

//= TryteAdd: tryte, fail, IntAdd
static inline int64_t vibee_tryte_add(vibee_arena *arena, int64_t a, int64_t b, int width) {
    int64_t most = vibee_tryte_most(width);
    int64_t sum = vibee_add(arena, a, b);
    if (sum < -most || sum > most) {
        vibee_fail(arena, VIBEE_OVERFLOW);
    }
    return sum;
}

//= TryteSub: TryteAdd
//= TryteWrapAdd: tryte
static inline int64_t vibee_tryte_wrap_add(int64_t a, int64_t b, int width) {
    int64_t most = vibee_tryte_most(width);
    if (b > 0 ? a > most - b : a < -most - b) {
        return b > 0 ? a - most - 1 + (b - most) : a + most + 1 + (b + most);
    }
    return a + b;
}

//= TryteFromInt: tryte, range
//= TryteDigits: allocate
static inline vibee_list_trit vibee_tryte_digits(vibee_arena *arena, int64_t value, int width) {
    vibee_trit *digits = vibee_allocate(arena, (size_t)width * sizeof(vibee_trit));
    if (digits == NULL) {
        return (vibee_list_trit){0};
    }
    for (int i = width - 1; i >= 0; i--) {
        int64_t digit = value % 3;
        digit = digit > 1 ? digit - 3 : digit < -1 ? digit + 3 : digit;
        digits[i] = (vibee_trit)digit;
        value = (value - digit) / 3;
    }
    return (vibee_list_trit){digits, (size_t)width, NULL};
}

//= TryteFromDigits: fail
static inline int64_t vibee_tryte_from_digits(vibee_arena *arena, vibee_list_trit digits, int width) {
    if (digits.length != (size_t)width) {
        vibee_fail(arena, VIBEE_RANGE);
        return 0;
    }
    int64_t value = 0;
    for (size_t i = 0; i < digits.length; i++) {
        value = 3 * value + digits.items[i];
    }
    return value;
}

//= slice_fits: fail
/* Whether 0 <= first <= end <= length; the fault if not. */
static inline bool vibee_slice_fits(vibee_arena *arena, int64_t first, int64_t end, size_t length) {
    if (first < 0 || first > end || (uint64_t)end > length) {
        vibee_fail(arena, VIBEE_INDEX);
        return false;
    }
    return true;
}

//= index_fits: fail
/* Whether 0 <= index < length; the fault if not. */
static inline bool vibee_index_fits(vibee_arena *arena, int64_t index, size_t length) {
    if (index < 0 || (uint64_t)index >= length) {
        vibee_fail(arena, VIBEE_INDEX);
        return false;
    }
    return true;
}

//= text_width
/* Bytes of the scalar value that begins with this one. */
static inline size_t vibee_text_width(uint8_t first) {
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

//= text_part
/* A part of a text, by bytes. */
static inline vibee_text vibee_text_part(vibee_text text, size_t first, size_t end) {
    return first == end ? (vibee_text){0} : (vibee_text){text.items + first, end - first, NULL};
}

//= text_offset: text_width
/* The byte where a scalar value begins, or SIZE_MAX where there are not so many. */
static inline size_t vibee_text_offset(vibee_text text, int64_t index) {
    size_t at = 0;
    while (index > 0 && at < text.length) {
        at += vibee_text_width(text.items[at]);
        index--;
    }
    return index == 0 ? at : SIZE_MAX;
}

//= StringLen: text_width
static inline int64_t vibee_text_len(vibee_text text) {
    int64_t length = 0;
    for (size_t at = 0; at < text.length; at += vibee_text_width(text.items[at])) {
        length++;
    }
    return length;
}

//= StringAt: text_offset, text_part, fail
static inline vibee_text vibee_text_at(vibee_arena *arena, vibee_text text, int64_t index) {
    size_t at = vibee_text_offset(text, index);
    if (at >= text.length) {
        vibee_fail(arena, VIBEE_INDEX);
        return (vibee_text){0};
    }
    return vibee_text_part(text, at, at + vibee_text_width(text.items[at]));
}

//= StringConcat: grow
static inline vibee_text vibee_text_concat(vibee_arena *arena, vibee_text a, vibee_text b) {
    if (a.length == 0 || b.length == 0) {
        return a.length == 0 ? b : a;
    }
    uint8_t *items = vibee_grow(arena, a.items, a.length, b.length, &a.buffer);
    if (items == NULL) {
        return a;
    }
    memcpy(items + a.length, b.items, b.length);
    return (vibee_text){items, a.length + b.length, a.buffer};
}

//= StringSlice: text_offset, text_part, fail
static inline vibee_text vibee_text_slice(vibee_arena *arena, vibee_text text, int64_t first, int64_t end) {
    if (first < 0 || first > end) {
        vibee_fail(arena, VIBEE_INDEX);
        return (vibee_text){0};
    }
    size_t begin = vibee_text_offset(text, first);
    size_t stop = vibee_text_offset(text, end);
    if (stop == SIZE_MAX) {
        vibee_fail(arena, VIBEE_INDEX);
        return (vibee_text){0};
    }
    return vibee_text_part(text, begin, stop);
}

//= octets_find
/* The byte where a part stands first from `at` on, or SIZE_MAX. */
static inline size_t vibee_octets_find(vibee_text text, vibee_text part, size_t at) {
    if (part.length == 0) {
        return at;
    }
    for (; at < text.length && part.length <= text.length - at; at++) {
        if (memcmp(text.items + at, part.items, part.length) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

//= StringFind: octets_find, StringLen, text_part
static inline vibee_option_int vibee_text_find(vibee_text text, vibee_text part) {
    size_t at = vibee_octets_find(text, part, 0);
    if (at == SIZE_MAX) {
        return (vibee_option_int){0};
    }
    return (vibee_option_int){true, vibee_text_len(vibee_text_part(text, 0, at))};
}

//= StringStartsWith
static inline bool vibee_text_starts_with(vibee_text text, vibee_text part) {
    return part.length <= text.length && (part.length == 0 || memcmp(text.items, part.items, part.length) == 0);
}

//= StringEndsWith
static inline bool vibee_text_ends_with(vibee_text text, vibee_text part) {
    return part.length <= text.length
        && (part.length == 0 || memcmp(text.items + (text.length - part.length), part.items, part.length) == 0);
}

//= StringSplit: octets_find, text_part, allocate
static inline vibee_list_text vibee_text_split(vibee_arena *arena, vibee_text text, vibee_text separator) {
    if (separator.length == 0) {
        vibee_fail(arena, VIBEE_RANGE);
        return (vibee_list_text){0};
    }
    size_t count = 1;
    size_t at = vibee_octets_find(text, separator, 0);
    for (; at != SIZE_MAX; at = vibee_octets_find(text, separator, at + separator.length)) {
        count++;
    }
    vibee_text *parts = vibee_allocate(arena, count * sizeof(vibee_text));
    if (parts == NULL) {
        return (vibee_list_text){0};
    }
    size_t begin = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        at = vibee_octets_find(text, separator, begin);
        parts[i] = vibee_text_part(text, begin, at);
        begin = at + separator.length;
    }
    parts[count - 1] = vibee_text_part(text, begin, text.length);
    return (vibee_list_text){parts, count, NULL};
}

//= StringJoin: allocate
static inline vibee_text vibee_text_join(vibee_arena *arena, vibee_list_text parts, vibee_text separator) {
    size_t length = 0;
    for (size_t i = 0; i < parts.length; i++) {
        length += parts.items[i].length + (i > 0 ? separator.length : 0);
    }
    uint8_t *items = vibee_allocate(arena, length);
    if (items == NULL || length == 0) {
        return (vibee_text){0};
    }
    size_t at = 0;
    for (size_t i = 0; i < parts.length; i++) {
        if (i > 0 && separator.length > 0) {
            memcpy(items + at, separator.items, separator.length);
            at += separator.length;
        }
        if (parts.items[i].length > 0) {
            memcpy(items + at, parts.items[i].items, parts.items[i].length);
            at += parts.items[i].length;
        }
    }
    return (vibee_text){items, length, NULL};
}

//= StringChars: StringLen, text_part, allocate
static inline vibee_list_text vibee_text_chars(vibee_arena *arena, vibee_text text) {
    size_t count = (size_t)vibee_text_len(text);
    vibee_text *chars = vibee_allocate(arena, count * sizeof(vibee_text));
    if (chars == NULL) {
        return (vibee_list_text){0};
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t end = at + vibee_text_width(text.items[at]);
        chars[i] = vibee_text_part(text, at, end);
        at = end;
    }
    return (vibee_list_text){chars, count, NULL};
}

//= StringCode: text_width, fail
static inline int64_t vibee_text_code(vibee_arena *arena, vibee_text text) {
    if (text.length == 0 || vibee_text_width(text.items[0]) != text.length) {
        vibee_fail(arena, VIBEE_INDEX);
        return 0;
    }
    static const uint8_t masks[] = {0x7f, 0x1f, 0x0f, 0x07};
    int64_t code = text.items[0] & masks[text.length - 1];
    for (size_t i = 1; i < text.length; i++) {
        code = code * 64 + (text.items[i] & 0x3f);
    }
    return code;
}

//= StringFromCode: allocate
static inline vibee_text vibee_text_from_code(vibee_arena *arena, int64_t code) {
    if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        vibee_fail(arena, VIBEE_RANGE);
        return (vibee_text){0};
    }
    static const uint8_t marks[] = {0, 0xc0, 0xe0, 0xf0};
    size_t width = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    uint8_t *items = vibee_allocate(arena, width);
    if (items == NULL) {
        return (vibee_text){0};
    }
    for (size_t i = width - 1; i > 0; i--) {
        items[i] = (uint8_t)(0x80 | (code & 0x3f));
        code /= 64;
    }
    items[0] = (uint8_t)(marks[width - 1] | code);
    return (vibee_text){items, width, NULL};
}

//= StringParseInt
static inline vibee_option_int vibee_parse_int(vibee_text text) {
    size_t at = text.length > 0 && (text.items[0] == '+' || text.items[0] == '-') ? 1 : 0;
    if (at == text.length) {
        return (vibee_option_int){0};
    }
    bool is_negative = text.items[0] == '-';
    int64_t value = 0;
    for (; at < text.length; at++) {
        if (text.items[at] < '0' || text.items[at] > '9') {
            return (vibee_option_int){0};
        }
        int digit = text.items[at] - '0';
        if (is_negative ? value < (INT64_MIN + digit) / 10 : value > (INT64_MAX - digit) / 10) {
            return (vibee_option_int){0};
        }
        value = is_negative ? 10 * value - digit : 10 * value + digit;
    }
    return (vibee_option_int){true, value};
}

//= StringParseFloat: allocate
static inline size_t vibee_digits_end(vibee_text text, size_t at) {
    while (at < text.length && text.items[at] >= '0' && text.items[at] <= '9') {
        at++;
    }
    return at;
}

static inline size_t vibee_sign_end(vibee_text text, size_t at) {
    return at < text.length && (text.items[at] == '+' || text.items[at] == '-') ? at + 1 : at;
}

static inline vibee_option_float vibee_parse_float(vibee_arena *arena, vibee_text text) {
    size_t begin = vibee_sign_end(text, 0);
    size_t point = vibee_digits_end(text, begin);
    bool has_point = point < text.length && text.items[point] == '.';
    size_t at = has_point ? vibee_digits_end(text, point + 1) : point;
    if (at - begin == (has_point ? 1 : 0)) {
        return (vibee_option_float){0};
    }
    if (at < text.length && (text.items[at] == 'e' || text.items[at] == 'E')) {
        size_t exponent = vibee_sign_end(text, at + 1);
        at = vibee_digits_end(text, exponent);
        if (at == exponent) {
            return (vibee_option_float){0};
        }
    }
    if (at != text.length) {
        return (vibee_option_float){0};
    }
    /* strtod reads the point of the locale. */
    const char *mark = localeconv()->decimal_point;
    size_t mark_length = strlen(mark);
    char *copy = vibee_allocate(arena, text.length + mark_length + 1);
    if (copy == NULL) {
        return (vibee_option_float){0};
    }
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.items[i] == '.') {
            memcpy(copy + length, mark, mark_length);
            length += mark_length;
        } else {
            copy[length++] = (char)text.items[i];
        }
    }
    copy[length] = '\0';
    return (vibee_option_float){true, strtod(copy, NULL)};
}

//= text_copy: allocate
static inline vibee_text vibee_text_copy(vibee_arena *arena, const char *from, size_t length) {
    uint8_t *items = vibee_allocate(arena, length);
    if (items == NULL) {
        return (vibee_text){0};
    }
    memcpy(items, from, length);
    return (vibee_text){items, length, NULL};
}

//= StringShowInt: text_copy
static inline vibee_text vibee_show_int(vibee_arena *arena, int64_t value) {
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRId64, value);
    return vibee_text_copy(arena, text, (size_t)length);
}

//= StringShowU64: text_copy
static inline vibee_text vibee_show_u64(vibee_arena *arena, uint64_t value) {
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRIu64, value);
    return vibee_text_copy(arena, text, (size_t)length);
}

//= show_digits: text_copy
/* Writes 0.d1d2d3... times 10^(exponent + 1): with a point, or an exponent where it is very small or large. */
static inline vibee_text vibee_show_digits(vibee_arena *arena, bool is_negative, const char *digits, int exponent) {
    char text[48];
    char *to = text;
    int count = (int)strlen(digits);
    if (is_negative) {
        *to++ = '-';
    }
    if (exponent < -5 || exponent > 15) {
        to += snprintf(to, 40, "%c%s%se%d", digits[0], count > 1 ? "." : "", digits + 1, exponent);
    } else if (exponent < 0) {
        to += snprintf(to, 40, "0.%.*s%s", -exponent - 1, "00000", digits);
    } else if (count <= exponent + 1) {
        to += snprintf(to, 40, "%s%.*s.0", digits, exponent + 1 - count, "0000000000000000");
    } else {
        to += snprintf(to, 40, "%.*s.%s", exponent + 1, digits, digits + exponent + 1);
    }
    return vibee_text_copy(arena, text, (size_t)(to - text));
}

//= decimal
/* Rounds to so many decimal digits, or to the next above where `is_up`: digits, and the exponent of the first. */
static inline int vibee_decimal(double x, int count, bool is_up, char digits[20]) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", count - 1, x);
    char *mark = strchr(text, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    int length = 0;
    for (const char *at = text; at < mark; at++) {
        if (*at >= '0' && *at <= '9') {
            digits[length++] = *at;
        }
    }
    if (is_up) {
        int last = length - 1;
        while (last >= 0 && digits[last] == '9') {
            digits[last--] = '0';
        }
        if (last >= 0) {
            digits[last]++;
        } else {
            digits[0] = '1';
            exponent++;
        }
    }
    while (length > 1 && digits[length - 1] == '0') {
        length--;
    }
    digits[length] = '\0';
    return exponent;
}

//= StringShowFloat: show_digits, decimal
/* The fewest digits that read back; the closest first, then the one above (the gap below a power of two is smaller). */
static inline vibee_text vibee_show_float(vibee_arena *arena, double x) {
    char digits[20];
    char text[40];
    if (x != x || x - x != 0) {
        const char *name = x != x ? "nan" : x > 0 ? "inf" : "-inf";
        return vibee_text_copy(arena, name, strlen(name));
    }
    for (int count = 1; count <= 17; count++) {
        for (int is_up = 0; is_up <= (x != 0); is_up++) {
            int exponent = vibee_decimal(fabs(x), count, is_up != 0, digits);
            snprintf(text, sizeof text, "%se%d", digits, exponent + 1 - (int)strlen(digits));
            if (strtod(text, NULL) == fabs(x)) {
                return vibee_show_digits(arena, signbit(x) != 0, digits, exponent);
            }
        }
    }
    return (vibee_text){0};
}

//= StringShowF32: show_digits, decimal
/* The fewest digits that read back; the closest first, then the one above (the gap below a power of two is smaller). */
static inline vibee_text vibee_show_f32(vibee_arena *arena, float x) {
    char digits[20];
    char text[40];
    if (x != x || x - x != 0) {
        const char *name = x != x ? "nan" : x > 0 ? "inf" : "-inf";
        return vibee_text_copy(arena, name, strlen(name));
    }
    for (int count = 1; count <= 9; count++) {
        for (int is_up = 0; is_up <= (x != 0); is_up++) {
            int exponent = vibee_decimal(fabs((double)x), count, is_up != 0, digits);
            snprintf(text, sizeof text, "%se%d", digits, exponent + 1 - (int)strlen(digits));
            if (strtof(text, NULL) == fabsf(x)) {
                return vibee_show_digits(arena, signbit(x) != 0, digits, exponent);
            }
        }
    }
    return (vibee_text){0};
}

//= BytesAt: index_fits
static inline int64_t vibee_bytes_at(vibee_arena *arena, vibee_bytes bytes, int64_t index) {
    return vibee_index_fits(arena, index, bytes.length) ? bytes.items[index] : 0;
}

//= BytesConcat: grow
static inline vibee_bytes vibee_bytes_concat(vibee_arena *arena, vibee_bytes a, vibee_bytes b) {
    if (a.length == 0 || b.length == 0) {
        return a.length == 0 ? b : a;
    }
    uint8_t *items = vibee_grow(arena, a.items, a.length, b.length, &a.buffer);
    if (items == NULL) {
        return a;
    }
    memcpy(items + a.length, b.items, b.length);
    return (vibee_bytes){items, a.length + b.length, a.buffer};
}

//= BytesSlice: slice_fits
static inline vibee_bytes vibee_bytes_slice(vibee_arena *arena, vibee_bytes bytes, int64_t first, int64_t end) {
    if (!vibee_slice_fits(arena, first, end, bytes.length) || first == end) {
        return (vibee_bytes){0};
    }
    return (vibee_bytes){bytes.items + first, (size_t)(end - first), NULL};
}

//= BytesFromList: allocate
static inline vibee_bytes vibee_bytes_of(vibee_arena *arena, vibee_list_int list) {
    uint8_t *items = vibee_allocate(arena, list.length);
    if (items == NULL) {
        return (vibee_bytes){0};
    }
    for (size_t i = 0; i < list.length; i++) {
        if (list.items[i] < 0 || list.items[i] > 255) {
            vibee_fail(arena, VIBEE_RANGE);
            return (vibee_bytes){0};
        }
        items[i] = (uint8_t)list.items[i];
    }
    return (vibee_bytes){items, list.length, NULL};
}

//= BytesUtf8
static inline vibee_bytes vibee_text_utf8(vibee_text text) {
    return (vibee_bytes){text.items, text.length, NULL};
}

//= BytesDecodeUtf8
static inline vibee_option_text vibee_decode_utf8(vibee_bytes bytes) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    for (size_t at = 0; at < bytes.length;) {
        uint8_t first = bytes.items[at];
        size_t width = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
        if (width == 0 || width > bytes.length - at) {
            return (vibee_option_text){0};
        }
        uint32_t code = width == 1 ? first : first & (0xffu >> (width + 1));
        for (size_t i = 1; i < width; i++) {
            if ((bytes.items[at + i] & 0xc0) != 0x80) {
                return (vibee_option_text){0};
            }
            code = code << 6 | (bytes.items[at + i] & 0x3f);
        }
        if (code < least[width] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return (vibee_option_text){0};
        }
        at += width;
    }
    return (vibee_option_text){true, {bytes.items, bytes.length, NULL}};
}
