// Which names are one site: registrable domains, by the Public Suffix List, which the build packs.
//
// PACKED: 4,096 characters that count the rules of each bucket, then three characters of six bits for each rule. A rule's
// 30 bits are those of its hash: twelve of the bucket, 18 of the rest.

function hashOf(text) {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function hasRule(rule) {
  const hash = hashOf(rule);
  const bucket = hash >>> 20;
  const rest = (hash >>> 2) & 0x3ffff;
  const digit = (i) => PACKED.charCodeAt(i) - 48;
  let at = 4096;
  for (let i = 0; i < bucket; i++) at += 3 * digit(i);
  for (let i = 0; i < digit(bucket); i++, at += 3) {
    if ((digit(at) << 12) + (digit(at + 1) << 6) + digit(at + 2) === rest) return true;
  }
  return false;
}

// The registrable domain of a host; the host itself where it is an address or a suffix.
function siteOf(host) {
  const name = host.toLowerCase().replace(/\.$/, "");
  if (/^[\d.]+$|[:[]/.test(name)) return name;
  const labels = name.split(".");
  const from = (i) => labels.slice(i).join(".");
  for (let i = 0; i < labels.length; i++) {
    if (hasRule(`!${from(i)}`)) return from(i);
    const isSuffix = hasRule(from(i)) || (i + 1 < labels.length && hasRule(`*.${from(i + 1)}`));
    if (isSuffix || i === labels.length - 1) return from(Math.max(i - 1, 0));
  }
  return name;
}
