// A reply's Markdown as DOM nodes: paragraphs, headings, lists, quotes, tables, code, maths; what is within a line is in inline.js.
//
// The text is hostile: it never meets an HTML parser, links have a short list of schemes, images become links, and every
// scan is linear or bounded. HTML in the text is shown as the text it is.

import { copyText, element, iconButton } from './dom.js';
import { highlight } from './highlight.js';
import { DEPTH_MAX, inline } from './inline.js';
import { beginsMaths, displayedMaths, formulaBlock } from './maths.js';

const MARKER = /^( *)([-*+]|\d{1,9}[.)])(?: +|$)/;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const TASK = /^\[([ xX])\](?: |$)/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;

/** Shows `text` in `container`. Blocks that did not change since the last call keep their nodes, so a selection survives streaming. */
export function renderMarkdown(container, text) {
  const blocks = parseBlocks(text.split('\n'), 0);
  const shown = container.shownBlocks ?? [];
  let same = 0;
  while (same < shown.length && same < blocks.length && shown[same] === blocks[same].source) same += 1;
  while (container.childNodes.length > same) container.lastChild.remove();
  for (const block of blocks.slice(same)) container.append(block.build());
  container.shownBlocks = blocks.map((block) => block.source);
  levelHeadings(container);
}

/** To those who hear them headings follow each other without a gap, whatever level the model began at; their size is the tag's. */
function levelHeadings(container) {
  let level = 2;
  for (const heading of container.querySelectorAll('h3, h4, h5, h6')) {
    const own = Number(heading.tagName[1]);
    level = Math.min(own, level + 1);
    if (level === own) heading.removeAttribute('aria-level');
    else heading.setAttribute('aria-level', String(level));
  }
}

function parseBlocks(lines, depth) {
  const blocks = [];
  for (let at = 0; at < lines.length; ) {
    if (lines[at].trim() === '') {
      at += 1;
      continue;
    }
    const block = parseBlock(lines, at, depth);
    block.source = `${block.kind}\n${lines.slice(at, block.end).join('\n')}`;
    blocks.push(block);
    at = block.end;
  }
  return blocks;
}

function parseBlock(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return parseFence(lines, at);
  const maths = beginsMaths(line) ? displayedMaths(lines, at) : null;
  if (maths) return { kind: 'maths', end: maths.end, build: () => formulaBlock(maths) };
  if (/^ {0,3}#{1,6}(?:[ \t]|$)/.test(line)) return parseHeading(line, at);
  if (RULE.test(line)) return { kind: 'rule', end: at + 1, build: () => element('hr') };
  if (depth < DEPTH_MAX && /^ {0,3}>/.test(line)) return parseQuote(lines, at, depth);
  if (depth < DEPTH_MAX && MARKER.test(line)) return parseList(lines, at, depth);
  if (line.includes('|') && tableAlignments(lines[at + 1] ?? '', splitRow(line).length)) return parseTable(lines, at);
  let end = at + 1;
  while (end < lines.length && lines[end].trim() !== '' && !startsBlock(lines[end])) end += 1;
  const text = lines.slice(at, end).map((l) => l.trimStart()).join('\n').trimEnd();
  return { kind: 'paragraph', end, build: () => element('p', { dir: 'auto' }, inline(text, 0)) };
}

const startsBlock = (line) => FENCE.test(line) || /^ {0,3}(?:#{1,6}[ \t]|>)/.test(line) || RULE.test(line) || MARKER.test(line) || beginsMaths(line);

function parseFence(lines, at) {
  const fence = lines[at].match(FENCE)[1];
  const language = lines[at].trim().slice(fence.length).trim().split(/\s/, 1)[0];
  const indent = lines[at].indexOf(fence);
  const code = [];
  let end = at + 1;
  let isClosed = false;
  for (; end < lines.length && !isClosed; end += 1) {
    const trimmed = lines[end].trim();
    isClosed = trimmed.length >= fence.length && trimmed === fence[0].repeat(trimmed.length);
    if (!isClosed) code.push(lines[end].slice(Math.min(indent, lines[end].search(/\S|$/))));
  }
  return { kind: isClosed ? 'code' : 'open code', end, build: () => codeBlock(code.join('\n'), language) };
}

/** Code with its language and a button that copies it. */
export function codeBlock(code, language) {
  const copy = iconButton('copy', 'Copy code', async () => {
    await copyText(code);
    copy.classList.add('done');
    setTimeout(() => copy.classList.remove('done'), 1200);
  });
  const head = element('div', { class: 'code-head' }, element('span', {}, language), copy);
  const label = language ? `Code, ${language}` : 'Code';
  return element('div', { class: 'code' }, head, element('pre', { tabindex: '0', role: 'group', 'aria-label': label, dir: 'ltr' }, element('code', {}, ...highlight(code, language))));
}

function parseHeading(line, at) {
  const marks = line.trimStart().match(/^#+/)[0].length;
  let text = line.trim().slice(marks).trim();
  const bare = text.replace(/#{1,6}$/, '');
  if (bare === '' || bare.endsWith(' ')) text = bare.trim();
  // Two levels down: the page has a heading of its own, and so has each message.
  return { kind: 'heading', end: at + 1, build: () => element(`h${Math.min(marks + 2, 6)}`, { dir: 'auto' }, inline(text, 0)) };
}

function parseQuote(lines, at, depth) {
  let end = at;
  while (end < lines.length && /^ {0,3}>/.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(/^ {0,3}> ?/, ''));
  return { kind: 'quote', end, build: () => element('blockquote', {}, ...parseBlocks(inner, depth + 1).map((b) => b.build())) };
}

const indentOf = (line) => line.search(/\S|$/);

function parseList(lines, at, depth) {
  const [, indent, mark] = lines[at].match(MARKER);
  const isOrdered = /\d/.test(mark);
  const items = [];
  let end = at;
  let isLoose = false;
  while (end < lines.length) {
    const line = lines[end];
    const marker = line.match(MARKER);
    if (line.trim() === '') {
      const next = nextText(lines, end);
      const nextMarker = lines[next]?.match(MARKER);
      const goesOn = next < lines.length && (indentOf(lines[next]) > indent.length || (nextMarker && /\d/.test(nextMarker[2]) === isOrdered));
      if (!goesOn) break;
      isLoose ||= !(indentOf(lines[next]) > indent.length + 1);
      items.at(-1).push('');
      end += 1;
    } else if (marker && marker[1].length <= indent.length + 1) {
      if (/\d/.test(marker[2]) !== isOrdered || marker[1].length < indent.length || RULE.test(line)) break;
      items.push([line.slice(marker[0].length)]);
      end += 1;
    } else if (indentOf(line) > indent.length || (!startsBlock(line) && lines[end - 1].trim() !== '')) {
      items.at(-1).push(line.slice(Math.min(indentOf(line), indent.length + mark.length + 1)));
      end += 1;
    } else {
      break;
    }
  }
  const build = () => {
    const start = isOrdered ? Number.parseInt(mark, 10) : 1;
    const list = element(isOrdered ? 'ol' : 'ul', { start: start === 1 ? null : start });
    for (const item of items) list.append(listItem(item, depth, isLoose));
    return list;
  };
  return { kind: 'list', end, build };
}

/** The index of the next line that is not blank. */
function nextText(lines, at) {
  let next = at;
  while (next < lines.length && lines[next].trim() === '') next += 1;
  return next;
}

function listItem([first, ...others], depth, isLoose) {
  const item = element('li', { dir: 'auto' });
  const [mark, done] = first.match(TASK) ?? [''];
  const blocks = parseBlocks([first.slice(mark.length), ...others], depth + 1);
  const isBare = !isLoose && blocks.filter((block) => block.kind === 'paragraph').length === 1;
  for (const block of blocks) {
    const node = block.build();
    if (block.kind === 'paragraph' && isBare) item.append(...node.childNodes);
    else item.append(node);
  }
  if (mark) {
    item.classList.add('task');
    item.prepend(element('span', { class: done === ' ' ? 'box' : 'box done', role: 'img', 'aria-label': done === ' ' ? 'to do' : 'done' }));
  }
  return item;
}

/** The cells of a row; an escaped bar belongs to its cell. */
function splitRow(line) {
  const cells = [''];
  const row = line.trim().replace(/^\|/, '');
  for (let at = 0; at < row.length; at += 1) {
    if (row[at] === '\\' && row[at + 1] === '|') {
      cells[cells.length - 1] += '|';
      at += 1;
    } else if (row[at] === '|') cells.push('');
    else cells[cells.length - 1] += row[at];
  }
  if (cells.length > 1 && cells.at(-1).trim() === '') cells.pop();
  return cells.map((cell) => cell.trim());
}

function tableAlignments(line, n) {
  if (!line.includes('-') || !line.includes('|')) return null;
  const cells = splitRow(line);
  if (cells.length !== n || !cells.every((cell) => /^:?-+:?$/.test(cell))) return null;
  return cells.map((cell) => (cell.endsWith(':') ? (cell.startsWith(':') ? 'center' : 'end') : 'start'));
}

function parseTable(lines, at) {
  const head = splitRow(lines[at]);
  const alignments = tableAlignments(lines[at + 1], head.length);
  let end = at + 2;
  while (end < lines.length && lines[end].includes('|')) end += 1;
  const rows = lines.slice(at + 2, end).map(splitRow);
  const row = (cells, tag) =>
    element('tr', {}, ...alignments.map((alignment, i) => element(tag, { class: `align-${alignment}`, dir: 'auto' }, inline(cells[i] ?? '', 0))));
  const build = () => {
    const table = element('table', {}, element('thead', {}, row(head, 'th')), element('tbody', {}, ...rows.map((cells) => row(cells, 'td'))));
    return element('div', { class: 'table', tabindex: '0', role: 'group', 'aria-label': 'Table' }, table);
  };
  return { kind: 'table', end, build };
}
