// Which names are one site: registrable domains, by the Public Suffix List, which the build packs.
//
// PACKED: numbers of rules before every 64th bucket, 4,096 characters that count the rules of each bucket, then three
// characters of six bits for each rule. A rule's
// 30 bits are those of its hash: twelve of the bucket, 18 of the rest.

function hashOf(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const digit = (i) => PACKED.charCodeAt(i) - 48;
const number = (i) => (digit(i) << 12) | (digit(i + 1) << 6) | digit(i + 2);

function hasRule(rule) {
  const hash = hashOf(rule);
  const bucket = hash >>> 20;
  const rest = (hash >>> 2) & 0x3ffff;
  // Rules before every 64th bucket are counted at the start.
  let n_before = number(3 * (bucket >>> 6));
  for (let i = bucket & ~63; i < bucket; i++) n_before += digit(192 + i);
  const first = 192 + 4096 + 3 * n_before;
  for (let i = 0; i < digit(192 + bucket); i++) if (number(first + 3 * i) === rest) return true;
  return false;
}

// The registrable domain of a host; the host itself where it is an address or a suffix.
function siteOf(host) {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (/^[\d.]+$|[:[]/.test(name)) return name;
  for (let at = 0, before = 0; ; ) {
    const next = name.indexOf(".", at) + 1;
    const rest = name.slice(at);
    // Without a rule the last label is the suffix.
    if (!next || hasRule(rest)) return name.slice(before);
    if (hasRule(`*.${name.slice(next)}`)) return hasRule(`!${rest}`) ? rest : name.slice(before);
    before = at;
    at = next;
  }
}
