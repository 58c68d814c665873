//= list_of: allocate
static inline $T $T_of(vibee_arena *arena, const $I *items, size_t length) {
    $I *copy = vibee_allocate(arena, length * sizeof($I));
    if (copy == NULL || length == 0) {
        return ($T){0};
    }
    memcpy(copy, items, length * sizeof($I));
    return ($T){copy, length, NULL};
}

//= ListAt: index_fits
static inline $I $T_at(vibee_arena *arena, $T list, int64_t index) {
    return vibee_index_fits(arena, index, list.length) ? list.items[index] : $Z;
}

//= ListPush: grow
static inline $T $T_push(vibee_arena *arena, $T list, $I item) {
    $I *items = vibee_grow(arena, list.items, list.length * sizeof($I), sizeof($I), &list.buffer);
    if (items == NULL) {
        return list;
    }
    items[list.length] = item;
    return ($T){items, list.length + 1, list.buffer};
}

//= ListSet: list_of, index_fits
static inline $T $T_set(vibee_arena *arena, $T list, int64_t index, $I item) {
    if (!vibee_index_fits(arena, index, list.length)) {
        return list;
    }
    $I *copy = vibee_allocate(arena, list.length * sizeof($I));
    if (copy == NULL) {
        return list;
    }
    memcpy(copy, list.items, list.length * sizeof($I));
    copy[index] = item;
    return ($T){copy, list.length, NULL};
}

//= ListConcat: grow
static inline $T $T_concat(vibee_arena *arena, $T a, $T b) {
    if (a.length == 0 || b.length == 0) {
        return a.length == 0 ? b : a;
    }
    $I *items = vibee_grow(arena, a.items, a.length * sizeof($I), b.length * sizeof($I), &a.buffer);
    if (items == NULL) {
        return a;
    }
    memcpy(items + a.length, b.items, b.length * sizeof($I));
    return ($T){items, a.length + b.length, a.buffer};
}

//= ListSlice: slice_fits
static inline $T $T_slice(vibee_arena *arena, $T list, int64_t first, int64_t end) {
    if (!vibee_slice_fits(arena, first, end, list.length) || first == end) {
        return ($T){0};
    }
    return ($T){list.items + first, (size_t)(end - first), NULL};
}

//= ListSort: allocate
/* Sorts by merging: equal items keep their order. */
static inline $T $T_sort(vibee_arena *arena, $T list) {
    $I *items = vibee_allocate(arena, list.length * sizeof($I));
    $I *spare = vibee_allocate(arena, list.length * sizeof($I));
    if (items == NULL || spare == NULL || list.length == 0) {
        return ($T){0};
    }
    memcpy(items, list.items, list.length * sizeof($I));
    for (size_t width = 1; width < list.length; width *= 2) {
        for (size_t begin = 0; begin < list.length; begin += 2 * width) {
            size_t middle = begin + width < list.length ? begin + width : list.length;
            size_t end = middle + width < list.length ? middle + width : list.length;
            size_t a = begin;
            size_t b = middle;
            for (size_t to = begin; to < end; to++) {
                bool is_first = b == end || (a < middle && $c(items[a], items[b]) <= 0);
                spare[to] = is_first ? items[a++] : items[b++];
            }
        }
        $I *sorted = spare;
        spare = items;
        items = sorted;
    }
    return ($T){items, list.length, NULL};
}

//= ListRange: allocate
static inline $T $T_range(vibee_arena *arena, int64_t first, int64_t last) {
    if (first > last) {
        return ($T){0};
    }
    uint64_t span = (uint64_t)last - (uint64_t)first;
    if (span >= SIZE_MAX / 16) {
        vibee_fail(arena, VIBEE_MEMORY);
        return ($T){0};
    }
    size_t length = (size_t)span + 1;
    int64_t *items = vibee_allocate(arena, length * sizeof(int64_t));
    if (items == NULL) {
        return ($T){0};
    }
    for (size_t i = 0; i < length; i++) {
        items[i] = first + (int64_t)i;
    }
    return ($T){items, length, NULL};
}

//= set_find
/* The place of a member, or where it would stand. */
static inline size_t $T_find($T set, $I member, bool *is_found) {
    size_t low = 0;
    size_t high = set.length;
    *is_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = $c(set.items[middle], member);
        if (order == 0) {
            *is_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

//= SetOf: allocate
static inline $T $T_of(vibee_arena *arena, $L list) {
    list = $L_sort(arena, list);
    if (list.length == 0) {
        return ($T){0};
    }
    $I *items = vibee_allocate(arena, list.length * sizeof($I));
    if (items == NULL) {
        return ($T){0};
    }
    size_t length = 0;
    for (size_t i = 0; i < list.length; i++) {
        if (length == 0 || $c(items[length - 1], list.items[i]) != 0) {
            items[length++] = list.items[i];
        }
    }
    return ($T){items, length, NULL};
}

//= SetHas: set_find
static inline bool $T_has($T set, $I member) {
    bool is_found;
    $T_find(set, member, &is_found);
    return is_found;
}

//= SetPut: set_find, grow
static inline $T $T_put(vibee_arena *arena, $T set, $I member) {
    bool is_found;
    size_t at = $T_find(set, member, &is_found);
    if (is_found) {
        return set;
    }
    if (at < set.length) {
        set.buffer = NULL;
    }
    $I *items = vibee_grow(arena, set.items, set.length * sizeof($I), sizeof($I), &set.buffer);
    if (items == NULL) {
        return set;
    }
    for (size_t i = set.length; i > at; i--) {
        items[i] = items[i - 1];
    }
    items[at] = member;
    return ($T){items, set.length + 1, set.buffer};
}

//= SetDelete: set_find, allocate
static inline $T $T_delete(vibee_arena *arena, $T set, $I member) {
    bool is_found;
    size_t at = $T_find(set, member, &is_found);
    if (!is_found) {
        return set;
    }
    $I *items = vibee_allocate(arena, set.length * sizeof($I));
    if (items == NULL) {
        return set;
    }
    for (size_t i = 0; i + 1 < set.length; i++) {
        items[i] = set.items[i < at ? i : i + 1];
    }
    return ($T){items, set.length - 1, NULL};
}

//= SetItems
static inline $L $T_items($T set) {
    return ($L){set.items, set.length, set.buffer};
}

//= map_find
/* The place of a key, or where it would stand. */
static inline size_t $T_find($T map, $I key, bool *is_found) {
    size_t low = 0;
    size_t high = map.length;
    *is_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = $c(map.keys[middle], key);
        if (order == 0) {
            *is_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

//= map_copy: allocate
/* Copies a map but for the entry at `skipped`, with room for one at `hole`. */
static inline bool $T_copy(vibee_arena *arena, $T map, size_t skipped, size_t hole, $I **keys, $V **values) {
    *keys = vibee_allocate(arena, (map.length + 1) * sizeof($I));
    *values = vibee_allocate(arena, (map.length + 1) * sizeof($V));
    if (*keys == NULL || *values == NULL) {
        return false;
    }
    size_t to = 0;
    for (size_t i = 0; i < map.length; i++) {
        if (i != skipped) {
            to += to == hole ? 1 : 0;
            (*keys)[to] = map.keys[i];
            (*values)[to++] = map.values[i];
        }
    }
    return true;
}

//= MapPut: map_find, map_copy
static inline $T $T_put(vibee_arena *arena, $T map, $I key, $V value) {
    bool is_found;
    size_t at = $T_find(map, key, &is_found);
    $I *keys;
    $V *values;
    if (!$T_copy(arena, map, is_found ? at : SIZE_MAX, at, &keys, &values)) {
        return map;
    }
    keys[at] = key;
    values[at] = value;
    return ($T){keys, values, map.length + (is_found ? 0 : 1)};
}

//= MapOf: allocate
/* Sorts the pairs by merging; of equal keys the last counts. */
static inline $T $T_of(vibee_arena *arena, $P pairs) {
    size_t *order = vibee_allocate(arena, pairs.length * sizeof(size_t));
    size_t *spare = vibee_allocate(arena, pairs.length * sizeof(size_t));
    $I *keys = vibee_allocate(arena, pairs.length * sizeof($I));
    $V *values = vibee_allocate(arena, pairs.length * sizeof($V));
    if (order == NULL || spare == NULL || keys == NULL || values == NULL) {
        return ($T){0};
    }
    for (size_t i = 0; i < pairs.length; i++) {
        order[i] = i;
    }
    for (size_t width = 1; width < pairs.length; width *= 2) {
        for (size_t begin = 0; begin < pairs.length; begin += 2 * width) {
            size_t middle = begin + width < pairs.length ? begin + width : pairs.length;
            size_t end = middle + width < pairs.length ? middle + width : pairs.length;
            size_t a = begin;
            size_t b = middle;
            for (size_t to = begin; to < end; to++) {
                bool is_first =
                    b == end || (a < middle && $c(pairs.items[order[a]].item_0, pairs.items[order[b]].item_0) <= 0);
                spare[to] = is_first ? order[a++] : order[b++];
            }
        }
        size_t *sorted = spare;
        spare = order;
        order = sorted;
    }
    size_t length = 0;
    for (size_t i = 0; i < pairs.length; i++) {
        if (length > 0 && $c(keys[length - 1], pairs.items[order[i]].item_0) == 0) {
            length--;
        }
        keys[length] = pairs.items[order[i]].item_0;
        values[length++] = pairs.items[order[i]].item_1;
    }
    return ($T){keys, values, length};
}

//= MapHas: map_find
static inline bool $T_has($T map, $I key) {
    bool is_found;
    $T_find(map, key, &is_found);
    return is_found;
}

//= MapGet: map_find
static inline $O $T_get($T map, $I key) {
    bool is_found;
    size_t at = $T_find(map, key, &is_found);
    return is_found ? ($O){true, map.values[at]} : ($O){0};
}

//= MapAt: map_find, fail
static inline $V $T_at(vibee_arena *arena, $T map, $I key) {
    bool is_found;
    size_t at = $T_find(map, key, &is_found);
    if (!is_found) {
        vibee_fail(arena, VIBEE_KEY);
        return $Z;
    }
    return map.values[at];
}

//= MapDelete: map_find, map_copy
static inline $T $T_delete(vibee_arena *arena, $T map, $I key) {
    bool is_found;
    size_t at = $T_find(map, key, &is_found);
    $I *keys;
    $V *values;
    if (!is_found || !$T_copy(arena, map, at, SIZE_MAX, &keys, &values)) {
        return map;
    }
    return ($T){keys, values, map.length - 1};
}

//= MapKeys
static inline $L $T_keys($T map) {
    return ($L){map.keys, map.length, NULL};
}

//= OptionUnwrap: fail
static inline $I $T_unwrap(vibee_arena *arena, $T option) {
    if (!option.is_some) {
        vibee_fail(arena, VIBEE_UNWRAP);
        return $Z;
    }
    return option.value;
}

//= ResultUnwrap: fail
static inline $I $T_unwrap(vibee_arena *arena, $T result) {
    if (!result.is_ok) {
        vibee_fail(arena, VIBEE_UNWRAP);
        return $Z;
    }
    return result.as.ok;
}
