// The inline part of Markdown as DOM nodes: emphasis, code, links, maths. The rules on hostile text are those of markdown.js.

import { element } from './dom.js';
import { mathAt } from './maths.js';

export const DEPTH_MAX = 8;
/** A link's text and address may be this far from its bracket. */
const LINK_LENGTH_MAX = 2000;
const SCHEMES = ['http:', 'https:', 'mailto:'];

const EMPHASIS = { '***': ['strong', 'em'], ___: ['strong', 'em'], '**': ['strong'], __: ['strong'], '~~': ['del'], '*': ['em'], _: ['em'] };

/** A text as a fragment. */
export function inline(text, depth) {
  const out = document.createDocumentFragment();
  // Delimiters that were looked for up to the end and not found: looking once per text keeps this linear.
  const missing = new Set();
  let plain = '';
  const push = (node) => {
    if (plain) out.append(plain);
    plain = '';
    out.append(node);
  };
  for (let at = 0; at < text.length; ) {
    const found = depth < DEPTH_MAX ? inlineAt(text, at, depth, missing) : null;
    if (!found) {
      plain += text[at];
      at += 1;
    } else {
      if (typeof found.node === 'string') plain += found.node;
      else push(found.node);
      at = found.end;
    }
  }
  if (plain) out.append(plain);
  return out;
}

function inlineAt(text, at, depth, missing) {
  switch (text[at]) {
    case '$':
      return mathAt(text, at, missing);
    case '\\':
      if ('([b'.includes(text[at + 1] ?? ' ')) {
        const maths = mathAt(text, at, missing);
        if (maths) return maths;
      }
      if (text[at + 1] === '\n') return { node: element('br'), end: at + 2 };
      return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? '') ? { node: text[at + 1], end: at + 2 } : null;
    case '\n':
      return { node: element('br'), end: at + 1 };
    case '`':
      return codeSpan(text, at, missing);
    case '!':
      return text[at + 1] === '[' ? link(text, at + 1, depth) : null;
    case '[':
      return link(text, at, depth);
    case '<':
    case 'h':
      return bareAddress(text, at);
    case '*':
    case '_':
    case '~':
      return emphasis(text, at, depth, missing);
    default:
      return null;
  }
}

function runLength(text, at) {
  let end = at;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

function codeSpan(text, at, missing) {
  const n = runLength(text, at);
  const marks = text.slice(at, at + n);
  for (let close = missing.has(marks) ? -1 : text.indexOf(marks, at + n); close >= 0; ) {
    const length = runLength(text, close);
    if (length === n) {
      const code = text.slice(at + n, close).replaceAll('\n', ' ');
      const inner = /^ .*[^ ].* $/.test(code) ? code.slice(1, -1) : code;
      return { node: element('code', { dir: 'ltr' }, inner), end: close + n };
    }
    close = text.indexOf(marks, close + length);
  }
  missing.add(marks);
  return { node: marks, end: at + n };
}

const isSpace = (character) => character === undefined || /\s/.test(character);
const isWord = (character) => character !== undefined && /[\p{L}\p{N}]/u.test(character);

function emphasis(text, at, depth, missing) {
  const run = runLength(text, at);
  const marks = text.slice(at, at + run);
  const isWordMark = text[at] === '_';
  const opens = EMPHASIS[marks] && !isSpace(text[at + run]) && !(isWordMark && isWord(text[at - 1]));
  if (!opens || missing.has(marks)) return { node: marks, end: at + run };
  for (let close = text.indexOf(marks, at + run); close >= 0; ) {
    const length = runLength(text, close);
    const closes = !isSpace(text[close - 1]) && text[close - 1] !== '\\' && !(isWordMark && isWord(text[close + length]));
    // "**a *b***": the longer run closes the inner one as well, so the outer one ends at its end.
    if (closes && (length === run || (length === 3 && run < 3))) {
      const end = close + length;
      let node = inline(text.slice(at + run, end - run), depth + 1);
      for (const tag of [...EMPHASIS[marks]].reverse()) node = element(tag, {}, node);
      return { node, end };
    }
    close = text.indexOf(marks, close + length);
  }
  missing.add(marks);
  return { node: marks, end: at + run };
}

function link(text, at, depth) {
  const limit = Math.min(text.length, at + LINK_LENGTH_MAX);
  const labelEnd = matching(text, at, '[', ']', limit);
  if (labelEnd < 0 || text[labelEnd + 1] !== '(') return null;
  const end = matching(text, labelEnd + 1, '(', ')', limit);
  if (end < 0) return null;
  const address = text.slice(labelEnd + 2, end).trim().split(/\s/, 1)[0].replace(/^<|>$/g, '');
  const node = anchor(address, inline(text.slice(at + 1, labelEnd) || address, depth + 1));
  return node && { node, end: end + 1 };
}

function matching(text, at, open, close, limit) {
  let depth = 0;
  for (let i = at; i < limit; i += 1) {
    if (text[i] === '\\') i += 1;
    else if (text[i] === open) depth += 1;
    else if (text[i] === close) {
      depth -= 1;
      if (depth === 0) return i;
    }
  }
  return -1;
}

function bareAddress(text, at) {
  const isBracketed = text[at] === '<';
  if (!isBracketed && isWord(text[at - 1])) return null;
  const start = isBracketed ? at + 1 : at;
  const found = text.slice(start, start + LINK_LENGTH_MAX).match(/^https?:\/\/[^\s<>"`]+/i);
  if (!found) return null;
  let address = found[0];
  if (isBracketed) {
    const node = text[start + address.length] === '>' ? anchor(address, address) : null;
    return node && { node, end: start + address.length + 1 };
  }
  while (/[.,;:!?'*_~)\]]$/.test(address) && !(address.endsWith(')') && address.includes('('))) address = address.slice(0, -1);
  const node = anchor(address, address);
  return node && { node, end: start + address.length };
}

/** A link, or nothing if the address is not one of the web or of mail. */
function anchor(address, label) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!SCHEMES.includes(url.protocol)) return null;
  return element('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow', title: url.href }, label);
}
