// The colours of code: comments, strings, numbers, keywords, names of functions and types, in one pass of one expression for each language.
//
// The code is hostile, too: what looks ahead looks only so far, so that the pass is linear.
// It knows how languages look, not what they mean; code that it does not know stays plain.

import { element } from './dom.js';

/** Longer code stays plain, for it is coloured anew with each piece of a reply. */
const LENGTH_MAX = 40_000;

const words = (text) => text.split(' ');
const SLASHES = String.raw`\/\/[^\n]*|\/\*[^]*?(?:\*\/|(?![^]))`;
const HASH = '#[^\n]*';
const QUOTED = String.raw`"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?`;
const NUMBER = String.raw`\b(?:0[xX][\da-fA-F_]+|0[bB][01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*`;

const COMMON = 'if else for while do return break continue switch case default true false null';
const C = `${COMMON} const static struct enum union void int char float double long short unsigned signed bool auto sizeof typedef extern inline goto nullptr NULL`;
const CLASSES = 'class interface extends implements new this super public private protected abstract final import package try catch finally throw throws instanceof var enum';

/** Comments, strings and keywords of each language; `more` is what it has besides. */
const LANGUAGES = {
  'js jsx ts tsx javascript typescript mjs': { comment: SLASHES, string: `${QUOTED}|${'`(?:\\\\[^]|[^`\\\\])*`?'}`, keywords: `${COMMON} ${CLASSES} function const let async await of in typeof delete yield export from as static get set undefined void type declare readonly namespace keyof number string boolean any never unknown` },
  'py python python3 py3': { comment: HASH, string: String.raw`[rbfuRBFU]{0,2}(?:"""[^]*?(?:"""|(?![^]))|'''[^]*?(?:'''|(?![^])))|[rbfu]?(?:${QUOTED})`, keywords: 'def class if elif else for while return import from as with try except finally raise lambda yield in is not and or pass break continue global nonlocal assert del async await True False None self match case', more: { type: String.raw`@[\w.]+` } },
  'rust rs': { comment: SLASHES, string: String.raw`b?r#*"[^]*?(?:"#*|(?![^]))|b?"(?:\\[^]|[^"\\])*"?|b?'(?:\\.|[^'\\\n])'`, keywords: 'fn let mut const static if else match for while loop return break continue struct enum impl trait pub use mod crate self Self super where as in ref move async await dyn type unsafe extern true false box', more: { function: String.raw`\b\w+!`, type: String.raw`'[a-z_]\w*|#!?\[[^\]\n]*\]` } },
  'c h cpp c++ cc hpp cxx objc cuda': { comment: SLASHES, string: QUOTED, keywords: `${C} class public private protected virtual template typename namespace using new delete this try catch throw override constexpr operator explicit friend mutable noexcept concept requires co_await`, more: { keyword: String.raw`^[ \t]*#[ \t]*\w+` } },
  'java kotlin kt scala groovy': { comment: SLASHES, string: QUOTED, keywords: `${C} ${CLASSES} boolean byte fun val when object data override internal open companion is in def trait match sealed record` , more: { type: String.raw`@\w+` } },
  'cs csharp c#': { comment: SLASHES, string: `[$@]{0,2}(?:${QUOTED})`, keywords: `${C} ${CLASSES} string object using namespace get set async await foreach in out ref override virtual readonly record is as params sealed where yield decimal` },
  'go golang': { comment: SLASHES, string: `${QUOTED}|${'`[^`]*`?'}`, keywords: `${COMMON} func package import var const type struct interface map chan go defer select range fallthrough nil string int int64 float64 bool byte rune error any make len append new` },
  swift: { comment: SLASHES, string: QUOTED, keywords: `${COMMON} ${CLASSES} func let guard struct protocol extension init self nil in is as where defer async await static some any throws inout` },
  php: { comment: `${SLASHES}|${HASH}`, string: QUOTED, keywords: `${COMMON} ${CLASSES} function echo foreach as use namespace fn match static array string int bool const`, more: { type: String.raw`\$\w+|<\?php|\?>` } },
  'ruby rb': { comment: HASH, string: QUOTED, keywords: 'def class module if elsif else unless end do while until for in return yield begin rescue ensure raise require self nil true false and or not then case when attr_accessor puts', more: { type: String.raw`:\w+|@{1,2}\w+` } },
  lua: { comment: String.raw`--\[\[[^]*?(?:\]\]|(?![^]))|--[^\n]*`, string: QUOTED, keywords: 'function local if then elseif else end for while do repeat until return break nil true false and or not in' },
  'r julia jl': { comment: HASH, string: QUOTED, keywords: `${COMMON} function TRUE FALSE NULL NA in library end begin let struct mutable module using import elseif nothing` },
  'sh bash zsh shell console fish powershell ps1': { comment: String.raw`(?:^|(?<=\s))#[^\n]*`, string: String.raw`"(?:\\[^]|[^"\\])*"?|'[^']*'?`, keywords: 'if then else elif fi for while until do done case esac in function return exit export local source echo cd set unset read shift sudo', more: { type: String.raw`\$\{?[\w@#?*!-]+\}?|(?<=\s)--?[a-zA-Z][\w-]*` } },
  'sql mysql postgresql postgres sqlite': { comment: String.raw`--[^\n]*|\/\*[^]*?(?:\*\/|(?![^]))`, string: String.raw`'(?:''|[^'])*'?|"[^"]*"?`, isCaseless: true, keywords: 'select from where group by order having limit offset insert into values update set delete create table alter drop index view join left right inner outer full cross on as and or not null is in between like exists distinct union all case when then else end primary key foreign references default unique check constraint with recursive returning asc desc begin commit rollback int integer text varchar boolean date timestamp' },
  'json json5 jsonc': { comment: SLASHES, string: QUOTED, keywords: 'true false null', more: { type: String.raw`"(?:\\.|[^"\\\n])*"(?=\s{0,8}:)` } },
  'yaml yml': { comment: String.raw`(?:^|(?<=\s))#[^\n]*`, string: QUOTED, keywords: 'true false null yes no', more: { type: String.raw`^[ \t]*(?:- +)*[\w./-]+(?=:)` } },
  'toml ini conf cfg properties env dotenv': { comment: `[#;][^\n]*`, string: QUOTED, keywords: 'true false', more: { type: String.raw`^[ \t]*[\w.-]+(?=\s*=)`, keyword: String.raw`^[ \t]*\[[^\]\n]*\]+` } },
  'html xml svg vue svelte xhtml': { comment: '<!--[^]*?(?:-->|(?![^]))', string: String.raw`"[^"]*"?|(?<==)'[^']*'?`, keywords: '', more: { keyword: String.raw`<[\/!?]?[\w:-]+|\/?>`, type: String.raw`[\w:-]{1,60}(?==)` } },
  'css scss less': { comment: SLASHES, string: QUOTED, keywords: '', more: { type: String.raw`[\w-]{1,60}(?=\s{0,4}:\s)`, keyword: String.raw`@[\w-]+|![\w]+`, number: String.raw`#[\da-fA-F]{3,8}\b`, function: String.raw`[.#][a-zA-Z][\w-]*` } },
  'dockerfile docker makefile make cmake nginx': { comment: HASH, string: QUOTED, keywords: 'FROM RUN CMD COPY ADD ENV ARG EXPOSE WORKDIR ENTRYPOINT USER VOLUME LABEL AS include ifeq ifdef else endif server location', more: { type: String.raw`\$[({]?\w+[)}]?|^[\w./-]+(?=:)` } },
  'diff patch': { more: { keyword: '^@@[^\n]*', deleted: '^-[^\n]*', inserted: String.raw`^\+[^\n]*` } },
};

const names = new Map(Object.entries(LANGUAGES).flatMap(([key, language]) => words(key).map((name) => [name, language])));

/** The expression of a language, made when it is first needed: each group is called what it finds. */
function compiled(language) {
  if (language.expression) return language;
  const { comment, string, keywords = '', more = {} } = language;
  const first = Object.entries(more).map(([name, source]) => `(?<${name}>${source})`);
  const groups = [comment && `(?<comment>${comment})`, ...first.filter((group) => group.startsWith('(?<type>"')), string && `(?<string>${string})`, ...first.filter((group) => !group.startsWith('(?<type>"'))];
  if (string) groups.push(more.number ? null : `(?<number>${NUMBER})`, String.raw`(?<word>[\p{L}_$][\p{L}\p{N}_$]*)`);
  language.expression = new RegExp(groups.filter(Boolean).join('|'), 'gmu');
  language.set = new Set(words(keywords));
  return language;
}

function kindOf(word, code, end, { set, isCaseless }) {
  if (set.has(isCaseless ? word.toLowerCase() : word)) return 'keyword';
  if (code[end] === '(') return 'function';
  return /^\p{Lu}.*\p{Ll}/u.test(word) ? 'type' : null;
}

/** The code as nodes: text, and spans whose class says what they are. */
export function highlight(code, name) {
  const found = names.get(name.toLowerCase());
  if (!found || code.length > LENGTH_MAX) return [code];
  const language = compiled(found);
  const nodes = [];
  let plain = 0;
  for (const match of code.matchAll(language.expression)) {
    const [kind, text] = Object.entries(match.groups).find(([, value]) => value !== undefined) ?? [];
    const end = match.index + match[0].length;
    const shown = kind === 'word' ? kindOf(text, code, end, language) : kind;
    if (!shown || match[0] === '') continue;
    nodes.push(code.slice(plain, match.index), element('span', { class: `hl-${shown}` }, match[0]));
    plain = end;
  }
  nodes.push(code.slice(plain));
  return nodes.filter((node) => node !== '');
}
