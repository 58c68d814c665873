// TeX's maths as MathML, as far as chats use it. What is not understood is refused whole, and then shown as its source.
//
// The text is hostile: it becomes text nodes of elements named here, in one pass over its tokens, under limits of length and depth.

import { ACCENTS, ARROWS, DELIMITERS, FUNCTIONS, IGNORED, inAlphabet, INTEGRALS, LARGE, LETTERS, LIMITS, OPERATORS, OVER, SPACES, UNDER, VARIANTS } from './tex-symbols.js';

const LENGTH_MAX = 8000;
const DEPTH_MAX = 40;
const MATHML = 'http://www.w3.org/1998/Math/MathML';
const TOKEN = /\\(?:[a-zA-Z]+\*?|[\s\S])|\d+(?:\.\d+)?|%[^\n]*|\s+|[\s\S]/gu;

/** Environments: what encloses the table, how its columns are aligned (the last goes on), whether it is set as large as a display. */
const TABLES = {
  matrix: {}, smallmatrix: {}, pmatrix: { open: '(', close: ')' }, bmatrix: { open: '[', close: ']' }, Bmatrix: { open: '{', close: '}' }, vmatrix: { open: '|', close: '|' }, Vmatrix: { open: '‖', close: '‖' },
  cases: { open: '{', close: '', columns: 'll' }, dcases: { open: '{', close: '', columns: 'll', isDisplay: true }, rcases: { open: '', close: '}', columns: 'll' },
  array: { hasColumns: true }, subarray: { hasColumns: true },
};
for (const name of ['aligned', 'align', 'alignat', 'alignedat', 'split', 'eqnarray', 'flalign']) TABLES[name] = { columns: 'rl', isDisplay: true, isTight: true, hasColumns: /at$/.test(name) };
for (const name of ['gathered', 'gather', 'multline', 'equation', 'math', 'displaymath']) TABLES[name] = { columns: 'c', isDisplay: true };

/** Environments that begin a displayed formula without any other mark. */
export const isEnvironment = (name) => Object.hasOwn(TABLES, name.replace(/\*$/, ''));

function node(tag, attributes, ...children) {
  const made = document.createElementNS(MATHML, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const row = (nodes) => (nodes.length === 1 ? nodes[0] : node('mrow', {}, ...nodes));
const operator = (text, attributes = {}) => node('mo', attributes, text);
const space = (em) => node('mspace', { width: `${em}em` });
const fence = (text, more) => operator(text, { fence: 'true', stretchy: 'true', ...more });

class Parser {
  #tokens;
  #at = 0;
  #depth = 0;
  #variant = null;

  constructor(source) {
    this.#tokens = source.match(TOKEN)?.filter((token) => !/^%/.test(token)) ?? [];
  }

  whole() {
    const nodes = this.#row(() => false);
    if (this.#at < this.#tokens.length) throw new Error(`${this.#tokens[this.#at]} closes nothing`);
    return nodes;
  }

  #peek() {
    while (/^\s/.test(this.#tokens[this.#at] ?? '')) this.#at += 1;
    return this.#tokens[this.#at];
  }

  #next() {
    const token = this.#peek();
    if (token === undefined) throw new Error('the formula ends too early');
    this.#at += 1;
    return token;
  }

  #expect(wanted) {
    const token = this.#next();
    if (token !== wanted) throw new Error(`${wanted} expected, not ${token}`);
  }

  /** What stands up to a token that `ends` the row, or up to a brace that closes it. */
  #row(ends) {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new Error(`more than ${DEPTH_MAX} formulas within each other`);
    const variant = this.#variant;
    let nodes = [];
    for (let token = this.#peek(); token !== undefined && token !== '}' && !ends(token); token = this.#peek()) {
      if (token === '\\over' || token === '\\choose') {
        this.#at += 1;
        const below = row(this.#row(ends));
        nodes = token === '\\over' ? [node('mfrac', {}, row(nodes), below)] : binomial(row(nodes), below);
      } else if (token === '\\displaystyle' || token === '\\textstyle') {
        this.#at += 1;
        nodes.push(node('mstyle', { displaystyle: String(token === '\\displaystyle') }, ...this.#row(ends)));
      } else nodes.push(...this.#scripted());
    }
    this.#variant = variant;
    this.#depth -= 1;
    return nodes;
  }

  /** A group in braces, or the one thing that stands there. */
  #argument() {
    if (this.#peek() !== '{') return row(this.#atom().nodes);
    return row(this.#group());
  }

  #group() {
    this.#expect('{');
    const nodes = this.#row(() => false);
    this.#expect('}');
    return nodes;
  }

  /** The text of a group as it stands. */
  #raw() {
    this.#expect('{');
    let text = '';
    for (let depth = 1; ; ) {
      const token = this.#tokens[this.#at];
      if (token === undefined) throw new Error('a brace is not closed');
      this.#at += 1;
      depth += token === '{' ? 1 : token === '}' ? -1 : 0;
      if (depth === 0) return text;
      text += token;
    }
  }

  #optional() {
    if (this.#peek() !== '[') return null;
    this.#at += 1;
    const nodes = this.#row((token) => token === ']');
    this.#expect(']');
    return row(nodes);
  }

  /** An atom with what stands below and above it. */
  #scripted() {
    const atom = this.#peek() === '^' || this.#peek() === '_' || this.#peek() === "'" ? { nodes: [node('mrow', {})] } : this.#atom();
    let [below, above, hasLimits] = [null, null, atom.hasLimits];
    for (;;) {
      const token = this.#peek();
      if (token === '\\limits' || token === '\\nolimits') hasLimits = token === '\\limits';
      else if (token === '^' || token === '_') {
        this.#at += 1;
        const script = this.#argument();
        if (token === '_' ? below : above && !above.isPrime) throw new Error(`two of ${token}`);
        if (token === '_') below = script;
        else above = above ? node('mrow', {}, above, script) : script;
        continue;
      } else if (token === "'") {
        above = operator('′'.repeat(this.#primes()), { lspace: '0', rspace: '0' });
        above.isPrime = true;
        continue;
      } else break;
      this.#at += 1;
    }
    const base = row(atom.nodes);
    const isFollowed = atom.isFunction && !/^(?:[()[\]{},;.^_&+=<>/|-]|\\(?:left|right|\\|end|,|;|!|quad|\)|\}))$/.test(this.#peek() ?? ')');
    const after = isFollowed ? [space(0.1667)] : [];
    if (!below && !above) return [...atom.nodes, ...after];
    const kind = (hasLimits ? ['munder', 'mover', 'munderover'] : ['msub', 'msup', 'msubsup'])[below && above ? 2 : above ? 1 : 0];
    return [node(kind, {}, base, ...[below, above].filter(Boolean)), ...after];
  }

  #primes() {
    let n = 0;
    for (; this.#peek() === "'"; n += 1) this.#at += 1;
    return n;
  }

  #atom() {
    const token = this.#next();
    if (token === '{') {
      this.#at -= 1;
      return { nodes: [node('mrow', {}, ...this.#group())] };
    }
    if (token.length > 1 && token[0] === '\\') return this.#command(token.slice(1));
    if (/^\d/.test(token)) return { nodes: [node('mn', {}, [...token].map((digit) => inAlphabet(digit, this.#variant)).join(''))] };
    if (/^\p{L}/u.test(token)) return { nodes: [this.#letters(token)] };
    if ('^_&}#$'.includes(token)) throw new Error(`${token} has no place here`);
    if (token === '~') return { nodes: [space(0.25)] };
    if (token === '|') return { nodes: [operator(token, { stretchy: 'false', lspace: '0', rspace: '0' })] };
    if ('()[]'.includes(token)) return { nodes: [operator(token, { stretchy: 'false' })] };
    return { nodes: [operator({ '-': '−', '*': '∗' }[token] ?? token)] };
  }

  /** A letter; upright ones that stand together are one word. */
  #letters(first) {
    let text = first;
    if (this.#variant === 'upright') while (/^[a-zA-Z]/.test(this.#tokens[this.#at] ?? '')) text += this.#tokens[this.#at++];
    return node('mi', { mathvariant: this.#variant === 'upright' ? 'normal' : null }, inAlphabet(text, this.#variant));
  }

  #command(given) {
    // A star belongs to the name of few commands.
    const name = given.replace(/\*$/, '');
    if (given !== name && !['operatorname', 'tag', 'hspace'].includes(name)) this.#tokens.splice(this.#at, 0, '*');
    const commands = this.#commands;
    if (Object.hasOwn(commands, name)) {
      const result = commands[name].call(this, given);
      return Array.isArray(result) ? { nodes: result } : (result.nodes ? result : { nodes: [result] });
    }
    if (VARIANTS.has(name)) return { nodes: [this.#inVariant(VARIANTS.get(name))] };
    if (LARGE.has(name)) return { nodes: [operator(LARGE.get(name), { largeop: 'true', movablelimits: 'true' })], hasLimits: true };
    if (INTEGRALS.has(name)) return { nodes: [operator(INTEGRALS.get(name), { largeop: 'true' })] };
    if (FUNCTIONS.has(name)) return { nodes: [node('mi', {}, name)], isFunction: true };
    if (LIMITS.has(name)) return { nodes: [operator(LIMITS.get(name), { movablelimits: 'true', lspace: '0', rspace: '0' })], hasLimits: true, isFunction: true };
    if (LETTERS.has(name)) return { nodes: [letter(LETTERS.get(name), this.#variant)] };
    if (OPERATORS.has(name)) return { nodes: [operator(OPERATORS.get(name), { stretchy: 'false' })] };
    if (SPACES.has(name)) return { nodes: [space(SPACES.get(name))] };
    if (ACCENTS.has(name)) return { nodes: [node('mover', { accent: 'true' }, this.#argument(), operator(ACCENTS.get(name), { stretchy: 'false' }))] };
    if (OVER.has(name)) return { nodes: [node('mover', {}, this.#argument(), operator(OVER.get(name), { stretchy: 'true' }))], hasLimits: name === 'overbrace' };
    if (UNDER.has(name)) return { nodes: [node('munder', {}, this.#argument(), operator(UNDER.get(name), { stretchy: 'true' }))], hasLimits: name === 'underbrace' };
    if (ARROWS.has(name)) return { nodes: [this.#arrow(ARROWS.get(name))] };
    if (DELIMITERS.has(name)) return { nodes: [operator(DELIMITERS.get(name), { stretchy: 'false' })] };
    if (name === '|') return { nodes: [operator('‖', { stretchy: 'false' })] };
    if (/^[bB]ig+[lrm]?$/.test(name)) return { nodes: [this.#sized(name)] };
    if (/^(?:text|mbox|hbox)/.test(name)) return { nodes: this.#text() };
    if (IGNORED.has(name) || /^\s$/.test(name)) return { nodes: [] };
    throw new Error(`\\${name} is not known`);
  }

  #inVariant(variant) {
    const before = this.#variant;
    this.#variant = variant;
    // \bf and its like hold up to the end of the group, which puts the one before back.
    if (this.#peek() !== '{') return node('mrow', {});
    const nodes = this.#group();
    this.#variant = before;
    return row(nodes);
  }

  #fraction(isDisplay) {
    const made = node('mfrac', {}, this.#argument(), this.#argument());
    return isDisplay === undefined ? made : node('mstyle', { displaystyle: String(isDisplay) }, made);
  }

  #arrow(text) {
    const below = this.#optional();
    const arrow = operator(text, { stretchy: 'true' });
    return below ? node('munderover', {}, arrow, below, this.#argument()) : node('mover', {}, arrow, this.#argument());
  }

  #delimiter() {
    const token = this.#next();
    if (token === '.') return '';
    if (token === '\\|') return '‖';
    const found = DELIMITERS.get(token.replace(/^\\/, '')) ?? null;
    if (found === null) throw new Error(`${token} is no delimiter`);
    return found;
  }

  #sized(name) {
    const size = { b: 1.2, B: 1.8 }[name[0]] * (name.includes('gg') ? 4 / 3 : 1);
    return operator(this.#delimiter(), { stretchy: 'true', symmetric: 'true', minsize: `${size}em`, maxsize: `${size}em` });
  }

  #enclosed() {
    const parts = [fence(this.#delimiter(), { form: 'prefix' })];
    for (;;) {
      parts.push(...this.#row((token) => token === '\\right' || token === '\\middle'));
      const end = this.#next();
      if (end === '}') throw new Error('\\left has no \\right');
      parts.push(fence(this.#delimiter(), { form: end === '\\right' ? 'postfix' : 'infix' }));
      if (end === '\\right') return node('mrow', {}, ...parts);
    }
  }

  /** Words, in which $…$ is maths again. */
  #text() {
    if (this.#peek() !== '{') return [node('mtext', {}, this.#next())];
    const parts = this.#raw().replace(/\\([%$#&_{}])/g, (_, kept) => (kept === '$' ? '＄' : kept)).split('$');
    if (this.#depth + parts.length > DEPTH_MAX) throw new Error('too much maths in words');
    return parts.flatMap((part, index) => (index % 2 ? new Parser(part).whole() : part ? [node('mtext', {}, part.replaceAll('＄', '$').replace(/\s/g, '\u00a0'))] : []));
  }

  #environment() {
    const name = this.#raw().replace(/\*$/, '');
    if (!isEnvironment(name)) throw new Error(`${name} is not known`);
    const { open, close, columns = 'c', isDisplay, isTight, hasColumns } = TABLES[name];
    const own = hasColumns ? this.#raw().replace(/[^lcr]/g, '') : '';
    const table = this.#table(own && !isTight ? own : columns, (token) => token === '\\end', { isDisplay, isTight });
    this.#expect('\\end');
    if (this.#raw().replace(/\*$/, '') !== name) throw new Error(`${name} is not ended`);
    if (open === undefined) return table;
    return node('mrow', {}, fence(open, { form: 'prefix' }), table, fence(close, { form: 'postfix' }));
  }

  #table(columns, ends, { isDisplay, isTight }) {
    const rows = [[]];
    for (;;) {
      const cell = this.#row((token) => token === '&' || token === '\\\\' || token === '\\cr' || ends(token));
      rows.at(-1).push(cell);
      const token = this.#peek();
      if (token === '}' || token === undefined || ends(token)) break;
      this.#at += 1;
      if (token === '&') continue;
      this.#skipLength();
      rows.push([]);
    }
    if (rows.length > 1 && rows.at(-1).length === 1 && rows.at(-1)[0].length === 0) rows.pop();
    const alignment = (index) => columns[isTight ? index % 2 : Math.min(index, columns.length - 1)];
    const cells = (row) => row.map((cell, index) => node('mtd', { class: `tex-${alignment(index)}` }, ...cell));
    return node('mtable', { displaystyle: isDisplay ? 'true' : null, class: isTight ? 'tex-tight' : null }, ...rows.map((row) => node('mtr', {}, ...cells(row))));
  }

  /** \\[2pt] */
  #skipLength() {
    if (this.#tokens[this.#at] !== '[') return;
    const end = this.#tokens.indexOf(']', this.#at);
    if (end > this.#at && end < this.#at + 8) this.#at = end + 1;
  }

  #commands = {
    frac: () => this.#fraction(),
    dfrac: () => this.#fraction(true),
    cfrac: () => this.#fraction(true),
    tfrac: () => this.#fraction(false),
    binom: () => binomial(this.#argument(), this.#argument()),
    dbinom: () => binomial(this.#argument(), this.#argument()),
    tbinom: () => binomial(this.#argument(), this.#argument()),
    sqrt: () => {
      const index = this.#optional();
      return index ? node('mroot', {}, this.#argument(), index) : node('msqrt', {}, this.#argument());
    },
    left: () => this.#enclosed(),
    begin: () => this.#environment(),
    substack: () => {
      this.#expect('{');
      const table = this.#table('c', () => false, {});
      this.#expect('}');
      return table;
    },
    overset: () => {
      const above = this.#argument();
      return node('mover', {}, this.#argument(), above);
    },
    stackrel: () => this.#commands.overset(),
    underset: () => {
      const below = this.#argument();
      return node('munder', {}, this.#argument(), below);
    },
    operatorname: (given) => {
      const name = this.#raw().replace(/\\[,;! ]|[{}\\]/g, ' ').trim();
      const hasLimits = given.endsWith('*');
      return { nodes: [hasLimits ? operator(name, { movablelimits: 'true', lspace: '0', rspace: '0' }) : node('mi', { mathvariant: 'normal' }, name)], hasLimits, isFunction: true };
    },
    mathop: () => ({ nodes: [this.#argument()], hasLimits: true }),
    mathbin: () => this.#argument(),
    mathrel: () => this.#argument(),
    mathord: () => this.#argument(),
    mathopen: () => this.#argument(),
    mathclose: () => this.#argument(),
    mathinner: () => this.#argument(),
    smash: () => this.#argument(),
    boxed: () => node('mrow', { class: 'tex-boxed' }, this.#argument()),
    fbox: () => node('mrow', { class: 'tex-boxed' }, ...this.#text()),
    phantom: () => node('mphantom', {}, this.#argument()),
    not: () => {
      const [next] = this.#atom().nodes;
      next.textContent = `${next.textContent}\u0338`.normalize('NFC');
      return next;
    },
    bmod: () => [space(0.2222), node('mi', {}, 'mod'), space(0.2222)],
    mod: () => [space(1), node('mi', {}, 'mod'), space(0.3333)],
    pmod: () => [space(1), operator('(', { stretchy: 'false' }), node('mi', {}, 'mod'), space(0.3333), this.#argument(), operator(')', { stretchy: 'false' })],
    tag: () => [space(2), node('mtext', {}, `(${this.#raw()})`)],
    label: () => (this.#raw(), []),
    hspace: () => (this.#raw(), space(0.5)),
    color: () => (this.#raw(), []),
    textcolor: () => (this.#raw(), this.#argument()),
  };
}

/** A letter of a command: capitals of Greek and symbols stand upright. */
function letter(character, variant) {
  const isSlanted = /[α-ωϑϕϖϱϵϰ∂ıȷ]/u.test(character) && variant !== 'upright';
  return node('mi', { mathvariant: isSlanted || variant === 'slanted' || variant === 'bold' ? null : 'normal' }, inAlphabet(character, variant));
}

function binomial(above, below) {
  return [node('mrow', {}, fence('(', { form: 'prefix' }), node('mfrac', { linethickness: '0' }, above, below), fence(')', { form: 'postfix' }))];
}

/** The formula as a `math` element; null if it is not understood. */
export function mathElement(source, isDisplay) {
  if (source.length > LENGTH_MAX) return null;
  try {
    return node('math', { display: isDisplay ? 'block' : null }, ...new Parser(source).whole());
  } catch {
    return null;
  }
}
