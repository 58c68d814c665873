// Where maths begins and ends in a text: $…$, $$…$$, \(…\), \[…\] and TeX's environments. Nothing within is Markdown.

import { element } from './dom.js';
import { isEnvironment, mathElement } from './tex.js';

/** A formula within a line, and the lines of a displayed one, are at most so long. */
const LENGTH_MAX = 2000;
const LINES_MAX = 120;
/** A number and words are no formula. */
const SUM_OF_MONEY = /^\d[\d.,]*\s+[a-zA-Z]{2,}\s/;
const BEGIN = /^\\begin\{([a-zA-Z]+\*?)\}/;

/** May the line begin a displayed formula? */
export const beginsMaths = (line) => /^\s*(?:\$\$|\\\[|\\begin\{)/.test(line);

function ends(opening) {
  if (opening.startsWith('$$')) return { mark: '$$', close: '$$' };
  if (opening.startsWith('\\[')) return { mark: '\\[', close: '\\]' };
  const [, name] = opening.match(BEGIN) ?? [];
  return name && isEnvironment(name) ? { mark: '', close: `\\end{${name}}` } : null;
}

/** A formula that takes whole lines, from the line `at`: its source, and the line behind it. Null if it does not end. */
export function displayedMaths(lines, at) {
  const first = lines[at].trimStart();
  const found = ends(first);
  if (!found) return null;
  const { mark, close } = found;
  let [text, from] = [first, mark.length];
  for (let end = at; end < Math.min(lines.length, at + LINES_MAX); end += 1) {
    if (end > at) text += `\n${lines[end]}`;
    const closes = text.indexOf(close, from);
    if (closes >= 0) {
      const rest = text.slice(closes + close.length).trim();
      // Words that follow make it a part of their paragraph.
      if (!/^[.,;:]?$/.test(rest)) return null;
      const source = mark ? text.slice(mark.length, closes) : text.slice(0, closes + close.length);
      return { source: source.trim(), whole: text.slice(0, closes + close.length), rest, end: end + 1 };
    }
    from = Math.max(from, text.length - close.length);
  }
  return null;
}

/** A displayed formula, or its source if that is not understood. */
export function formulaBlock({ source, whole, rest }) {
  const math = mathElement(source, true);
  const inside = math ? [math, rest] : [element('code', { class: 'tex' }, whole + rest)];
  return element('div', { class: math ? 'formula' : 'formula source', tabindex: '0', role: 'group', 'aria-label': 'Formula' }, ...inside.filter((node) => node !== ''));
}

const isSpace = (character) => character === undefined || /\s/.test(character);
const isWord = (character) => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** The formula that begins at `at` within a text, as `{ node, end }`; null if none does. `missing` are marks known not to come. */
export function mathAt(text, at, missing) {
  if (text[at] === '$' && text[at + 1] !== '$') return dollarsAt(text, at, missing);
  const found = text[at] === '\\' && text[at + 1] === '(' ? { mark: '\\(', close: '\\)' } : ends(text.slice(at, at + 40));
  if (!found || missing.has(found.close)) return null;
  const { mark, close } = found;
  const closes = text.indexOf(close, at + mark.length);
  if (closes < 0) missing.add(close);
  if (closes < 0 || closes - at > LENGTH_MAX) return null;
  const end = closes + close.length;
  const source = mark ? text.slice(at + mark.length, closes) : text.slice(at, end);
  // Brackets of words are brackets that somebody escaped.
  if (source.trim() === '' || (mark === '\\[' && /^[\p{L} ]{4,}$/u.test(source))) return null;
  return { node: formula(source, text.slice(at, end), mark !== '\\('), end };
}

/** $…$: close to what it encloses, and no sum of money. */
function dollarsAt(text, at, missing) {
  if (missing.has('$') || isSpace(text[at + 1]) || isWord(text[at - 1])) return null;
  const limit = Math.min(text.length, at + LENGTH_MAX);
  for (let closes = at + 1; closes < limit; closes += 1) {
    if (text[closes] === '\\') closes += 1;
    // Code that begins within goes first.
    else if (text[closes] === '`') return null;
    else if (text[closes] === '$') {
      const source = text.slice(at + 1, closes);
      if (isSpace(source.at(-1)) || /\d/.test(text[closes + 1] ?? '') || SUM_OF_MONEY.test(source)) return null;
      return { node: formula(source, text.slice(at, closes + 1), false), end: closes + 1 };
    }
  }
  if (limit === text.length) missing.add('$');
  return null;
}

function formula(source, whole, isDisplay) {
  return mathElement(source.trim(), isDisplay) ?? element('code', { class: 'tex' }, whole);
}
