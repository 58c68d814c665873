// What the commands of TeX's maths stand for, as pairs of a name and characters. No DOM here.

const pairs = (text) => new Map(Array.from(text.trim().matchAll(/(\S+) (\S+)/g), ([, name, character]) => [name, character]));

/** Letters, which are slanted where they stand alone; capitals of Greek are not. */
export const LETTERS = pairs(`
alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ varkappa ϰ lambda λ mu μ nu ν xi ξ
omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω
Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
infty ∞ partial ∂ nabla ∇ hbar ℏ hslash ℏ ell ℓ wp ℘ Re ℜ Im ℑ aleph ℵ beth ℶ imath ı jmath ȷ emptyset ∅ varnothing ∅ eth ð
top ⊤ bot ⊥ angle ∠ measuredangle ∡ triangle △ square □ Box □ blacksquare ■ qed ∎ diamond ⋄ Diamond ◇ lozenge ◊ bigstar ★ star ⋆ flat ♭ natural ♮
sharp ♯ clubsuit ♣ diamondsuit ♢ heartsuit ♡ spadesuit ♠ checkmark ✓ degree ° dag † ddag ‡ S § P ¶ copyright © pounds £ yen ¥ euro € AA Å
dots … ldots … dotsc … cdots ⋯ dotsb ⋯ dotsm ⋯ dotsi ⋯ vdots ⋮ ddots ⋱ iddots ⋰ prime ′ backprime ‵ complement ∁ mho ℧ digamma ϝ
% % $ $ # # & & _ _`);

/** Operators, relations and arrows. */
export const OPERATORS = pairs(`
times × div ÷ cdot ⋅ ast ∗ pm ± mp ∓ oplus ⊕ ominus ⊖ otimes ⊗ oslash ⊘ odot ⊙ circ ∘ bullet ∙ cap ∩ cup ∪ sqcap ⊓ sqcup ⊔ uplus ⊎
wedge ∧ land ∧ vee ∨ lor ∨ setminus ∖ smallsetminus ∖ wr ≀ amalg ⨿ dagger † ddagger ‡ ltimes ⋉ rtimes ⋊ bowtie ⋈ barwedge ⊼ veebar ⊻
neg ¬ lnot ¬ forall ∀ exists ∃ nexists ∄ therefore ∴ because ∵
le ≤ leq ≤ leqslant ⩽ ge ≥ geq ≥ geqslant ⩾ lt < gt > ll ≪ gg ≫ lll ⋘ ggg ⋙ ne ≠ neq ≠ equiv ≡ sim ∼ simeq ≃ approx ≈ approxeq ≊ cong ≅ propto ∝
varpropto ∝ asymp ≍ doteq ≐ triangleq ≜ coloneqq ≔ eqqcolon ≕ prec ≺ preceq ⪯ succ ≻ succeq ⪰ lesssim ≲ gtrsim ≳ nless ≮ ngtr ≯ nleq ≰ ngeq ≱
in ∈ notin ∉ ni ∋ owns ∋ subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ subsetneq ⊊ supsetneq ⊋ nsubseteq ⊈ nsupseteq ⊉ sqsubseteq ⊑ sqsupseteq ⊒
mid ∣ nmid ∤ parallel ∥ nparallel ∦ perp ⟂ vdash ⊢ dashv ⊣ models ⊨ vDash ⊨ Vdash ⊩ nvdash ⊬ nvDash ⊭ smile ⌣ frown ⌢ trianglelefteq ⊴ trianglerighteq ⊵
triangleleft ◁ triangleright ▷ colon : vartriangle △
to → gets ← rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⟹ impliedby ⟸ iff ⟺ longrightarrow ⟶ longleftarrow ⟵
longleftrightarrow ⟷ Longrightarrow ⟹ Longleftarrow ⟸ Longleftrightarrow ⟺ mapsto ↦ longmapsto ⟼ uparrow ↑ downarrow ↓ updownarrow ↕ Uparrow ⇑ Downarrow ⇓
Updownarrow ⇕ nearrow ↗ searrow ↘ swarrow ↙ nwarrow ↖ hookrightarrow ↪ hookleftarrow ↩ rightharpoonup ⇀ rightharpoondown ⇁ leftharpoonup ↼
leftharpoondown ↽ rightleftharpoons ⇌ leftrightharpoons ⇋ rightrightarrows ⇉ leftleftarrows ⇇ twoheadrightarrow ↠ rightsquigarrow ⇝ leadsto ⇝
nrightarrow ↛ nleftarrow ↚ nRightarrow ⇏ circlearrowleft ↺ circlearrowright ↻ multimap ⊸`);

/** Operators that grow in a displayed formula; what stands below and above them, but for integrals. */
export const LARGE = pairs(`
sum ∑ prod ∏ coprod ∐ bigcap ⋂ bigcup ⋃ bigsqcup ⨆ bigvee ⋁ bigwedge ⋀ bigoplus ⨁ bigotimes ⨂ bigodot ⨀ biguplus ⨄`);
export const INTEGRALS = pairs('int ∫ iint ∬ iiint ∭ iiiint ⨌ oint ∮ oiint ∯ oiiint ∰ smallint ∫');

/** Functions, set upright. */
export const FUNCTIONS = new Set('sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arg deg dim exp hom ker lg ln log sgn tr erf'.split(' '));
/** The same with what stands below them. */
export const LIMITS = new Map('det|gcd|inf|lim|max|min|sup|Pr|argmax=arg max|argmin=arg min|limsup=lim sup|liminf=lim inf|injlim=inj lim|projlim=proj lim'.split('|').map((entry) => [entry.split('=')[0], entry.split('=').at(-1)]));

/** What may stand behind \\left and \\right, and alone. */
export const DELIMITERS = pairs(`
( ( ) ) [ [ ] ] { { } } lbrace { rbrace } lbrack [ rbrack ] | | vert | lvert | rvert | Vert ‖ lVert ‖ rVert ‖ langle ⟨ rangle ⟩ < ⟨ > ⟩
lceil ⌈ rceil ⌉ lfloor ⌊ rfloor ⌋ ulcorner ⌜ urcorner ⌝ llcorner ⌞ lrcorner ⌟ lgroup ⟮ rgroup ⟯ / / backslash \\ uparrow ↑ downarrow ↓ updownarrow ↕`);

/** Marks over a letter, or over all of a formula where they stretch. */
export const ACCENTS = pairs('hat ^ check ˇ tilde ~ acute ´ grave ` dot ˙ ddot ¨ dddot ⃛ breve ˘ bar ¯ vec → mathring ˚');
export const OVER = pairs('widehat ^ widetilde ~ overline ¯ overrightarrow → overleftarrow ← overleftrightarrow ↔ overbrace ⏞ overparen ⏜');
export const UNDER = pairs('underline _ underbrace ⏟ underrightarrow → underleftarrow ← underparen ⏝');
export const ARROWS = pairs('xrightarrow → xleftarrow ← xleftrightarrow ↔ xRightarrow ⇒ xLeftarrow ⇐ xmapsto ↦ xhookrightarrow ↪ xrightleftharpoons ⇌');

/** Widths in em. */
export const SPACES = new Map([[',', 0.1667], [':', 0.2222], ['>', 0.2222], [';', 0.2778], ['!', -0.1667], [' ', 0.25], ['quad', 1], ['qquad', 2], ['thinspace', 0.1667], ['medspace', 0.2222], ['thickspace', 0.2778], ['enspace', 0.5], ['negthinspace', -0.1667]]);

/** Commands without effect here. */
export const IGNORED = new Set('nonumber notag hline hfill allowbreak nobreak displaylimits relax scriptstyle scriptscriptstyle strut mathstrut left. right.'.split(' '));

/** Where each alphabet of Unicode has A, a, 0, Α and α; and the letters that stand elsewhere. */
const ALPHABETS = {
  bold: { A: 0x1d400, a: 0x1d41a, 0: 0x1d7ce, Α: 0x1d6a8, α: 0x1d6c2 },
  slanted: { A: 0x1d468, a: 0x1d482, 0: 0x1d7ce, Α: 0x1d71c, α: 0x1d736 },
  double: { A: 0x1d538, a: 0x1d552, 0: 0x1d7d8, but: 'Cℂ Hℍ Nℕ Pℙ Qℚ Rℝ Zℤ' },
  script: { A: 0x1d49c, a: 0x1d4b6, but: 'Bℬ Eℰ Fℱ Hℋ Iℐ Lℒ Mℳ Rℛ eℯ gℊ oℴ' },
  fraktur: { A: 0x1d504, a: 0x1d51e, but: 'Cℭ Hℌ Iℑ Rℜ Zℨ' },
  sans: { A: 0x1d5a0, a: 0x1d5ba, 0: 0x1d7e2 },
  mono: { A: 0x1d670, a: 0x1d68a, 0: 0x1d7f6 },
};
export const VARIANTS = new Map([
  ...['mathrm', 'rm', 'mathnormal', 'mathup', 'textrm'].map((name) => [name, 'upright']),
  ['mathit', 'italic'], ['it', 'italic'], ['mathbf', 'bold'], ['bf', 'bold'], ['boldsymbol', 'slanted'], ['bm', 'slanted'], ['mathbb', 'double'], ['mathcal', 'script'], ['mathscr', 'script'], ['cal', 'script'], ['mathfrak', 'fraktur'], ['mathsf', 'sans'], ['mathtt', 'mono'],
]);

/** A character in an alphabet of Unicode; itself where the alphabet lacks it. */
export function inAlphabet(character, variant) {
  const alphabet = ALPHABETS[variant];
  if (!alphabet) return character;
  const other = alphabet.but?.split(' ').find((pair) => pair[0] === character);
  if (other) return other.slice(1);
  for (const [first, n] of [['A', 26], ['a', 26], ['0', 10], ['Α', 25], ['α', 25]]) {
    const offset = character.codePointAt(0) - first.codePointAt(0);
    if (alphabet[first] && offset >= 0 && offset < n) return String.fromCodePoint(alphabet[first] + offset);
  }
  return character;
}
