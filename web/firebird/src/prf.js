// The keyed mixer behind every changed pixel and sample: 32 bits out of up to five words under a key of four.
// It is quick and not cryptographic: whoever knows the picture and what we made of it can look for the key. What it has
// to do is to give another answer under another key, and the same answer to the same question.

const rotate = (x, n) => (x << n) | (x >>> (32 - n));

function mix(h, word) {
  h ^= imul(rotate(imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (imul(rotate(h, 13), 5) + 0xe6546b64) | 0;
}

function prf(key, a, b, c, d, e) {
  let h = mix(mix(key[0], a), key[1]);
  h = mix(mix(mix(mix(h, b), c), d), e);
  h = mix(mix(h, key[2]), key[3]);
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// One of those of `choices` that lie within half of `truth` and twice of it; the smallest where none does.
function choose(key, salt, choices, truth) {
  let n = 0;
  for (let i = 0; i < choices.length; i++) n += choices[i] >= truth / 2 && choices[i] <= truth * 2 ? 1 : 0;
  let left = n ? prf(key, salt, n, 0, 0, 0) % n : 0;
  for (let i = 0; i < choices.length; i++) {
    if (choices[i] >= truth / 2 && choices[i] <= truth * 2 && left-- === 0) return choices[i];
  }
  return choices[0];
}
