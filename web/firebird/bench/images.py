"""Comparisons of what two runs read of one drawing and one sound."""

import math

WIDTH, HEIGHT = 120, 40
# Of the structural similarity (Wang et al. 2004), for values up to 255.
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
WINDOW = 8


def changed(truth, read):
    """Where a channel of a pixel differs, as indices of bytes."""
    return [i for i, (a, b) in enumerate(zip(truth, read, strict=True)) if a != b]


def recovered(truth, estimate, places, bits=0):
    """Which part of the changed bytes an estimate has right, when the `bits` lowest bits are dropped."""
    return sum(truth[i] >> bits == estimate[i] >> bits for i in places) / len(places) if places else 0.0


def luma(pixels):
    """Brightness of each pixel over white."""
    found = []
    for at in range(0, len(pixels), 4):
        r, g, b, a = pixels[at : at + 4]
        found.append(255 - (255 - (0.299 * r + 0.587 * g + 0.114 * b)) * a / 255)
    return found


def ssim(one, other):
    """The mean structural similarity of two drawings."""
    a, b = luma(one), luma(other)
    found = []
    for y in range(0, HEIGHT - WINDOW + 1, 4):
        for x in range(0, WIDTH - WINDOW + 1, 4):
            at = [(y + dy) * WIDTH + x + dx for dy in range(WINDOW) for dx in range(WINDOW)]
            found.append(_similar([a[i] for i in at], [b[i] for i in at]))
    return sum(found) / len(found)


def _similar(p, q):
    n = len(p)
    mp, mq = sum(p) / n, sum(q) / n
    vp, vq = sum((v - mp) ** 2 for v in p) / n, sum((v - mq) ** 2 for v in q) / n
    both = sum((v - mp) * (w - mq) for v, w in zip(p, q, strict=True)) / n
    return (2 * mp * mq + C1) * (2 * both + C2) / ((mp * mp + mq * mq + C1) * (vp + vq + C2))


def sound_error(truth, read):
    """The difference of two sounds relative to the first (root mean square)."""
    power = sum(v * v for v in truth)
    return math.sqrt(sum((v - w) ** 2 for v, w in zip(truth, read, strict=True)) / power)


def entropy_bound(values):
    """Bits of collision entropy that are certain at 95 % when no two of `values` are equal; None if two are.

    Pairs that do not collide, n of them: the chance of a collision is below 3 / n (rule of three)."""
    if len(set(values)) < len(values):
        return None
    return math.log2(len(values) * (len(values) - 1) / 2 / 3)


def largest_share(values):
    return max(values.count(v) for v in set(values)) / len(values)
