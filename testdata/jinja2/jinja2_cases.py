"""Renders small templates with jinja2 as Hugging Face sets it up, and writes jinja2_cases.json beside this file (then packed: README.md).

Run with jinja2 3.1.6 installed: python3 jinja2_cases.py
A case whose rendering fails is recorded as null: the crate must refuse it too.
"""

import copy
import itertools
import json
import pathlib

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "s": "Hello, World",
    "blank": "  \t two  words \n",
    "lines": "a\n\nb\r\nc\n",
    "uni": "naïve 日本 🙂 ß",
    "quote": "it's <b>\"x\"</b> & y",
    "empty": "",
    "n": 7,
    "neg": -3,
    "f": 2.5,
    "big": 18446744073709551615,
    "yes": True,
    "none": None,
    "list": [3, 1, 2, 1],
    "words": ["pear", "Apple", "fig", "apple"],
    "nested": [[1, 2], [3], []],
    "mixed": [1, "a", None, True, 2.0, [1], {"k": 1}],
    "d": {"b": 1, "a": 2, "items": "shadow", "C": [1, {"x": None}]},
    "people": [
        {"name": "Ann", "age": 30, "city": "Rome", "tags": ["x"]},
        {"name": "bob", "age": 25, "city": "rome"},
        {"name": "Cid", "age": 41, "city": "Oslo", "tags": []},
    ],
    "schema": {"type": "object", "properties": {"a": {"type": "string", "enum": ["c", "f"]}, "ü": {"type": ["null", "integer"]}}},
}

# What only the rarer filters look at.
VARIABLES |= {
    "prose": "The well-known two-way e-mail--sent at mid-night, re-sent--was a-b c-d -- 'quoted'--and so-called \"state-of-the-art\"!\n\n  Indented\ttext "
    "with https://example.org/a-very-long-path/that-does-not-end?x=1&y=--2 and 2024-01-02 or 3-4x\u00a0y\u3000z.  Two  blanks.\r\nnaïve-été über-",
    "page": "<p class='a>b'>Fish &amp; chips &lt;b&gt; &eacute;&nbsp;x &copy 2024 &notit; &notin; &#8364;&#x80;&#0;&#1;&#xD800;&#x110000; &bogus; &amp &;</p>"
    "<!-- a <b> comment -->\n  <br/>\t more &hellip;<i unclosed &#65 &#x41; &#; &#x; &CounterClockwiseContourIntegral; &NotEqualTilde; &#xfffe;",
    "open_comment": "a <!-- b <i>c</i>",
    "tree": {
        "zeta": ["item number %d" % i for i in range(9)],
        "alpha": {"b": "x" * 90, "a": {"deep": [[1, 2, 3], ["word " * 20, None, True, 1.5]], "quote": "it's"}},
        "Beta": [1, 2],
        "long text": "one two three four five six seven eight nine ten eleven twelve thirteen fourteen\nfifteen\n\nsixteen  seventeen",
        "empty": [{}, [], "", {"k" * 85: "v" * 10}],
        "é": "naïve 日本 " * 12,
    },
    "attributes": {"class": "a b", "id": 'x"<', "none": None, "n": 5, "f": 1.5, "yes": True, "data-x": "é&"},
}

ATOMS = ["s", "empty", "n", "neg", "f", "yes", "none", "list", "d", "missing", "uni", "(1, 2)", "big", "range(3)"]


def expressions():
    for a, b in itertools.product(ATOMS, ATOMS):
        for op in ["+", "-", "*", "//", "%", "**", "==", "<", ">=", "in", "~", "and", "or"]:
            if op in ("**", "*") and "big" in (a, b) or (a, op, b) == ("neg", "**", "f"):
                continue  # integers here have 128 bits, and no number is complex
            yield f"{a} {op} {b}"
        yield f"{a} / {b}"
    strings = ["s", "blank", "lines", "uni", "quote", "empty"]
    methods = """upper() lower() capitalize() title() swapcase() casefold() strip() lstrip() rstrip() strip('Hd ') lstrip('He')
        rstrip('\\n ') split() split(',') split('o',1) split(None,1) rsplit() rsplit('o',1) rsplit(None,1) splitlines()
        splitlines(true) splitlines(keepends=true) startswith('He') endswith('ld') startswith(('x','H')) startswith('l',2) endswith('l',0,4)
        find('o') rfind('o') find('zz') find('l',4) count('l') count('') index('o') index('zz') replace('l','L') replace('l','',1) replace('','-')
        partition(',') rpartition('o') partition('zz') center(20) center(15,'*') center(4) ljust(15,'.') rjust(15) zfill(15) expandtabs(4)
        isalpha() isdigit() isspace() isupper() islower() istitle() isalnum() isascii() isnumeric() isdecimal() isprintable()
        removeprefix('He') removesuffix('ld') join(['a','b']) join('xy') join([1]) join([]) format(1) split('') foo() __class__""".split(" ")
    methods = [m for m in " ".join(methods).split() if m]
    for s, m in itertools.product(strings, methods):
        yield f"{s}.{m}"
        yield f"({s}|safe).{m}"
    values = strings + ["n", "neg", "f", "yes", "none", "list", "words", "nested", "mixed", "d", "people", "schema", "missing", "range(5)", "(1,)", "big"]
    filters = """upper lower capitalize title trim trim('Hd') length count string list first last reverse|list reverse|string join join(',') join(', ',attribute='name')
        sort sort(reverse=true) sort(case_sensitive=true) sort(attribute='age') sort(attribute='city,age') unique|list min max sum sum(attribute='age')
        abs int int(5) int(base=16) float float(1.5) round round(1) round(-1) round(1,'ceil') round(0,'floor')|int
        default('x') default('x',true) d('y') d escape e forceescape safe tojson tojson(indent=2) tojson(ensure_ascii=true) tojson(separators=(',',':'))
        tojson(sort_keys=true) tojson(indent=1,sort_keys=true) items|list dictsort dictsort(by='value') dictsort(reverse=true) dictsort(true)
        map('upper')|list map(attribute='name')|list map(attribute='tags.0',default='?')|list map('string')|join('+') select|list reject|list
        select('string')|list select('number')|list select('odd')|list reject('none')|list selectattr('tags')|list rejectattr('tags')|map(attribute='name')|list
        selectattr('age','gt',26)|map(attribute='name')|join(',') selectattr('city','equalto','Rome')|list|length selectattr('tags','defined')|list|length
        batch(2)|list batch(2,'-')|list slice(2)|list slice(3,'-')|list groupby('city')|list replace('l','L') replace('l','L',1) replace(1,2)
        indent indent(2) indent(2,true) indent(2,true,true) indent('> ') center(20) truncate(8) truncate(8,true) truncate(8,false,'…',0) wordcount urlencode
        map('tojson')|list attr('upper') attr('name') map|list tojson|tojson nope sort|first unique|length list|tojson format(1) string|length
        select|tojson first|default('none') map(attribute=0)|list map('int')|sum""".split("\n")
    filters = [f for line in filters for f in line.split()]
    for v, f in itertools.product(values, filters):
        yield f"{v}|{f}"
    yield from rarer_filters(values)
    tests = """defined undefined none boolean true false integer float number string mapping sequence iterable callable odd even lower upper
        escaped divisibleby(3) eq(7) ne(7) gt(1) in([7,'']) sameas(none) filter test nope""".split()
    for v, t in itertools.product(values, tests):
        yield f"{v} is {t}"
        yield f"{v} is not {t}"
    for v in ["s", "uni", "list", "(1,2,3,4)", "range(10)", "empty", "words", "d", "n", "missing"]:
        for i in ["0", "-1", "5", "100", "-100", "1.0", "'x'", "'items'", "none", ":", "1:", ":2", "1:3", "::2", "::-1", "-2:", ":-1", "5:1:-1", "::0", "3:1", "100:", "-100:2", "1::3", "'a':"]:
            if not (v.startswith("range") and i in ("3:1", "100:")) and not (v.startswith("(") and "a" in i):
                yield f"{v}[{i}]"
    yield from """d.items()|list d.keys()|list d.values()|list d.get('b') d.get('zz') d.get('zz','q') d['items'] d.items d.b d.pop('b') d.update({}) d.copy()
        list.append(1) list.index(2) list.count(1) list.copy() list.sort() d.C[1].x d.C.1.x.y missing.x missing['x'] missing() none.x none['x'] n.x s.upper s.nope
        list.0 list[0:2][1] d|length d.keys() d.items() d.values() 'b'~d 1<2<3 1<3<2 1==1.0==true 2**10 2**-1 -2**2 7//-2 -7%3 7.5%-2 not_there|default(5)
        (1,2)+(3,) (1,2)*2 [1]+[2] [1]*0 [1,[2,(3,)],{'a':none,'b':true}] {1:2,'x':[1.0,1e20,1e-7,1e16]} {'a':1}['a'] ('a'~1~none~true~1.0) 'a''b' 'x'if(n>5)else'y' 'x'if(n>9)
        'x'if(none) 1_000 0x1f 1e3 1.5e-3 .5 'é\\n\\t\\x41\\u00e9' "\\'" 'a\\qb' range(3)|list range(2,8,3)|list range(5,0,-2)|list range(3,0)|list range(0)|tojson
        range(100001) range(100000)|length range(0,10,0) dict(a=1,b=2) dict(d,z=1)|length dict([('a',1)]) namespace(a=1).a cycler('a','b').next() joiner(',')() loop loop.index
        raise_exception('no') strftime_now('%Y-%m-%d') strftime_now('%d_%b_%Y') strftime_now('%B_%d,_%Y_%H:%M:%S_%A_%j_%p_%I_%y') list|map('upper')|tojson
        quote~(quote|e) (quote|safe)+quote quote+(quote|safe) ('<%s>'|safe)%quote '%s'%quote ('<{}>'|safe).format(quote) (quote|safe)*2 (quote|safe)[0:6] (quote|safe)~'<' ((quote|safe)|upper)+'<'
        '%s_%d_%5.2f_%x_%r'%(s,n,f,255,s) '%5s|%-5s|%05d|%+d'%('a','b',42,7) '%(a)s'%{'a':1} '%s' '%s%s'%(1,) '%d'%'x' '%s'%(1,2) '%%' '%%'%() '%.3s'%s '%e'%f '%g'%f '%g'%1e10 '%c'%65 '%i'%3.9
        '{}_{}'.format(1,'b') '{0}{1}{0}'.format('a','b') '{x}'.format(x=3) '{:>8}|{:<8}|{:^8}|{:*^9}'.format('a','b','c','d') '{:.2f}'.format(f) '{:,}'.format(1234567) '{:05d}'.format(42)
        '{:x}_{:#x}_{:b}'.format(255,255,5) '{!r}'.format(s) '{a[0]}_{b.name}'.format(a=list,b=people[0]) '{}'.format() '{'.format(1) '{{}}'.format() '{:d}'.format('x') '{:+.1e}'.format(12345.678) '{:%}'.format(0.25)
        '{:{}}'.format('a',5) '{:g}'.format(0.00001) '{:.3}'.format('abcdef') '{:.3}'.format(3.14159) '{:10.3f}|'.format(3.14159) '{}'.format(none) '{}'.format(yes) '{:5}'.format(yes) '{:s}'.format(5)
        people|map(attribute='name')|map('lower')|sort|join people|sum(attribute='age') people|groupby('city')|map(attribute=0)|list mixed|string mixed|tojson nested|string uni|string|tojson
        uni|list uni|length uni|reverse uni[::-1] 'a'in'abc' 1in[1,2] 'b'in(d) 'z'notin(d) none in[none] [] {} () '' (none) [none] [missing] {'a':missing} missing~'x' missing+'x' missing==missing2 missing==none
        [1,2]==[1,2] [1,2]==(1,2) {'a':1,'b':2}=={'b':2,'a':1} [1,2]<[1,3] 'a'<'b' 'a'<1 none<1 true+true true~true 1/2 4/2 7//2 7.0//2 1.0 1e100 -0.0 3.0*2 10**20 10**25 0.1+0.2 1/3 100000000000000000.0 123456789.123
        -n -f -s +n not(n) not(missing) -n|abs (-n)|abs 2.5|round 3.5|round 2.675|round(2) 1234.5|round(-2) '3.7'|int '3.7'|float 'x'|int 'inf'|float '0x1A'|int(0,16) none|int true|int ''|default('e') ''|default('e',true)
        (1).x 'a'.join(words) words|join('a') d|join(',') d|list d|first 'abc'|first 'abc'|last ''|first []|first []|last []|min []|sum {}|tojson []|tojson ''|tojson none|tojson [1.0,-0.0,1e300]|tojson (1,)|tojson
        list|sort|reverse|list words|sort(true) words|unique|list words|unique(true)|list words|min words|max words|map('length')|list s|map('upper')|join s|select('in','lo')|list
        quote|tojson quote|e|e quote|safe|e lines|indent(4,true) lines|indent(2,false,true) lines|trim|indent(1) schema|tojson(indent=4) schema|tojson(indent='-') schema.properties|items|list schema.properties.items""".split()


def rarer_filters(values):
    filters = """wordwrap wordwrap(5) wordwrap(8,false) wordwrap(6,true,'|') wordwrap(9,true,'|',false) wordwrap(width=20,break_on_hyphens=false) wordwrap(0) wordwrap(-1)
        wordwrap('x') wordwrap(1) wordwrap(30,break_long_words=false) striptags xmlattr xmlattr(false) xmlattr(autospace=false) pprint filesizeformat filesizeformat(true)
        filesizeformat(binary=true) urlencode random(1) pprint(true) striptags(1)""".split()
    values = values + ["prose", "page", "open_comment", "tree", "attributes"]
    for v, f in itertools.product(values, filters):
        yield f"{v}|{f}"
    for width in range(2, 60, 3):
        yield f"prose|wordwrap({width})"
        yield f"prose|wordwrap({width},false,break_on_hyphens=false)"
    yield from """(prose|safe)|wordwrap(10) (page|safe)|striptags page|e|striptags {'a_b':1}|xmlattr {'a/b':1}|xmlattr {'a>':1}|xmlattr {'a=':none}|xmlattr {'a\\tb':1}|xmlattr
        {1:2}|xmlattr {'a':missing}|xmlattr {'a':'<'|safe}|xmlattr {}|xmlattr {'<':'&'}|xmlattr ({'a':1}|xmlattr)|e tree.alpha|pprint tree.zeta|pprint tree['long_text']|pprint
        tree.values()|list|pprint (tree.zeta,)|pprint [tree.Beta,tree.zeta]|pprint {1:'a',none:'b','z':'c',2.5:'d',true:'e'}|pprint {'b':1,'a':2}|pprint [prose]|pprint {'k':prose}|pprint
        [prose,1]|pprint (prose,)|pprint (page|safe)|pprint [page|safe,prose]|pprint d.items()|pprint range(5)|pprint [missing]|pprint ('x'*100)|pprint ('x_'*60)|pprint (('x'~'\\n')*50)|pprint
        ['x'*76]|pprint ['x'*75]|pprint ['x'*77,1]|pprint {'a':'x'*72}|pprint {'a':'x'*71}|pprint [['x'*75]]|pprint [[['x'*73]]]|pprint ('y'*78)|pprint ('y'*79)|pprint ('\\n'*40)|pprint
        ('word_word_'*9)|replace('_','\u0020')|pprint [('word_word_'*9)|replace('_','\u0020')]|pprint
        0|filesizeformat 1|filesizeformat 1.0|filesizeformat 1.5|filesizeformat 999|filesizeformat 999.9|filesizeformat 1000|filesizeformat 1023|filesizeformat(true) 1024|filesizeformat(true)
        1e6|filesizeformat 999999|filesizeformat 1048576|filesizeformat(true) 1e9|filesizeformat 123456789|filesizeformat 1e24|filesizeformat 1e27|filesizeformat 1e30|filesizeformat(true)
        (-5)|filesizeformat (-5000.7)|filesizeformat '12345'|filesizeformat '_1_'|filesizeformat ('inf'|float)|filesizeformat ('nan'|float)|filesizeformat 2**70|filesizeformat(true) 1250|filesizeformat 1350|filesizeformat
        attributes|urlencode {'a_b/c':'d&e=f'}|urlencode [('a',1),['b','c_d']]|urlencode ['ab','cd']|urlencode ['abc']|urlencode [1]|urlencode {}|urlencode []|urlencode d.items()|urlencode
        'a/b_c+d'|urlencode none|urlencode 1.5|urlencode {1:none,true:2.5}|urlencode (('a','b'),)|urlencode range(2)|urlencode [('a','b','c')]|urlencode {'é':'日'}|urlencode
        [5]|random []|random ''|random 'a'|random missing|random none|random d|random n|random {}|random range(1)|random (3,)|random [5]|select|random ([]|random)is(defined)""".split()
    yield from ["{'a b': 1} | xmlattr", "{'a b/c': 'd e'} | urlencode", "[('a', 'b c')] | urlencode", "' a/b c+d' | urlencode", "('word word ' * 9) | pprint", "[('word word ' * 9)] | pprint",
                "{'k': ('word word ' * 9)} | pprint", "[1, ('two words\\n' * 9), 2] | pprint", "' ' | wordwrap(3)", "'a  b' | wordwrap(2)", "'aaa bbbbbb' | wordwrap(4)", "'a\\n' | wordwrap(4)"]


STATEMENTS = r"""
{% for x in list %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.revindex0 }}{{ x }};{% endfor %}
{% for x in [] %}a{% else %}none{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %}
{% for a, b in nested %}{{ a }}{% endfor %}
{% for x in list if x > 1 %}{{ x }}{{ loop.length }}{% endfor %}
{% for x in list %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{{ loop.previtem }}{{ loop.nextitem }}{% endfor %}
{% for x in uni %}[{{ x }}]{% endfor %}
{% for x in 5 %}{% endfor %}
{% for x in none %}{% endfor %}
{% for x in missing %}{% else %}e{% endfor %}
{% for x in nested recursive %}{% if x is iterable %}<{{ loop(x) }}>{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}
{% for x in list %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x) }}{% endfor %}
{% set x = 1 %}{% for i in list %}{% set x = i %}{% endfor %}{{ x }}
{% set ns = namespace(x=0) %}{% for i in list %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}
{% set ns = namespace(d) %}{{ ns.a }}{{ ns.zz }}|{{ ns.zz is defined }}
{% set x.y = 1 %}
{% set s.y = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}
{% set a, b = [1] %}
{% set x %}  text {{ n }}{% endset %}[{{ x }}]
{% set x | upper | trim %}  text {{ n }}{% endset %}[{{ x }}]
{% if missing %}a{% elif n > 3 %}b{% else %}c{% endif %}
{% if missing.x %}a{% endif %}
{% if none is none and not missing %}ok{% endif %}
{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(b=5, a=4) }}|{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, z=2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}
{% macro m(n) %}{% if n > 0 %}{{ n }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}
{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}in{% endcall %}
{% macro m() %}[{{ caller(1, 2) }}]{% endmacro %}{% call(a, b) m() %}{{ a + b }}{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}
{% macro m(x) %}{% set y = x %}{{ y }}{% endmacro %}{{ m(1) }}{{ y }}
{% set g = 1 %}{% macro m() %}{{ g }}{% endmacro %}{% set g = 2 %}{{ m() }}
{% macro m() %}{{ later }}{% endmacro %}{% set later = 2 %}{{ m() }}
{{ m() }}{% macro m() %}{% endmacro %}
{% macro a() %}{% macro b() %}x{% endmacro %}{{ b() }}{% endmacro %}{{ a() }}{{ m.name }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ list | map('string') | map('upper') | list }}{{ m.name }}
{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}
{% filter upper %}abc{{ s }}{% endfilter %}
{% filter replace('a', 'b') | upper %}aaa{% endfilter %}
{% block x %}in{{ n }}{% endblock %}
{% raw %}{{ x }}{% endraw %}!
{%- raw -%} {{ x }} {%- endraw -%} !
{# c #}a{#- d -#} b
 {% if n %}
  x
 {% endif %}
y
a
  {%- if n -%}
  b
  {%- endif %}
c
  {%+ if n %}a{% endif +%}
b
   {{ n }}
   {#- x #}
z
  {# comment #}
after
{{ '{{' }}{{ "}}" }}{{ {'a': {'b': 1}} }}
{{ n -}}   x   {{- n }}
{{- n }}
{% set x = [1, 2,] %}{{ x }}{{ (1,) }}{{ {'a': 1,} }}
{{ 1, 2 }}
{{ n if n }}
{{ 'a' if false }}
{{ ('a' if false) + 'b' }}
{{ x if x is defined else 'u' }}{{ n is defined and n > 1 }}
{{ n is divisibleby 7 }}{{ n is not divisibleby 2 }}{{ 'a' is in 'abc' }}{{ n is eq 7 }}
{{ not n is none }}
{{ n == 7 and s == 'x' or f }}
{{ list | join(', ') | upper ~ '!' }}
{{ - n | abs }}{{ (- n) | abs }}
{{ 2 ** 3 ** 2 }}{{ 2 + 3 * 4 - 1 }}{{ 7 - 2 - 1 }}{{ 8 // 3 * 2 }}{{ 1 ~ 2 + 3 }}
{{ foo(1) }}
{{ s() }}
{{ s.upper().lower().split(',')[0] | title }}
{{ people[0].name[0] }}{{ people.0.name }}{{ people[-1]['age'] }}
{{ people | selectattr('age', '>', 26) | map(attribute='name') | list }}
{% include 'x' %}
{% extends 'x' %}
{% unknown %}
{% if %}{% endif %}
{% if n %}
{% for x in list %}{% endif %}
{{ n
{% set %}
{{ }}
{{ n n }}
{{ 'abc }}
{{ (1 }}
{{ 1) }}
{{ [1 }}
{{ n | }}
{{ n.}}
{{ @ }}
{# open
{% raw %} open
{% endfor %}
{% else %}
{% break %}
{{ x.y.z }}
{{ none.x }}{{ none.x.y }}
{{ d.nope.x }}
{{ missing | upper }}|{{ missing | length }}|{{ missing | list }}|{{ missing | join }}
{{ missing | tojson }}
{{ missing | items | list }}
{{ [missing] | tojson }}
{{ range }}
{{ range(3) }}{{ range(0, 6, 2) }}
{% set it = list | map('string') %}{{ it | list }}{{ it | list }}
{% set it = list | select %}{{ it | length }}
{% set it = list | reverse %}{{ it[0] }}|{{ it | first }}
{% set it = d.items() %}{{ it | list | length }}{{ it | length }}{{ it | list | length }}
{% set it = d.items() %}{{ it[0] }}
{{ d.items() | tojson }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}
{% set j = joiner('; ') %}{% for x in list %}{{ j() }}{{ x }}{% endfor %}
{% set r = range(3) %}{{ r[1] }}{{ r | length }}{{ 2 in r }}{{ 5 in r }}{{ r | last }}
{% for x in list %}{% for y in nested %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}
{% for x in list %}{% set outer = loop %}{% for y in [1] %}{{ outer.index }}{% endfor %}{% endfor %}
{% for x in list %}{{ loop.nope }}{{ loop['index'] }}{% endfor %}
{% set x = 'a' %}{% if true %}{% set x = 'b' %}{% endif %}{{ x }}
{% set x = 1 %}{% with %}{% set x = 2 %}{{ x }}{% endwith %}{{ x }}
{% for i in [1, 2] %}{{ y }}{% set y = i %}{% endfor %}
{% set ns = namespace() %}{% set ns.a = [] %}{% for x in list %}{% set ns.a = ns.a + [x] %}{% endfor %}{{ ns.a }}
{{ {'a': 1}.items() | list }}{{ {}.get('x', {}).get('y') }}
{{ 'x' 'y' "z" }}
{{ '\u00e9\U0001F642\x41\101\n' }}
{{ "a\
b" }}
{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}
{{ 'é'.upper() }}{{ 'ß'.upper() }}{{ 'İ'.lower() }}{{ 'ΑΣ'.lower() }}
{{ 'a\u00a0b\u200bc\x7f\x00\x1f' | string | list }}
{{ ['it\'s', 'a"b', 'both\'"', 'tab\t', 'nl\n', 'back\\', '日本', '\x00\x7f\xa0', '\U0001F642'] }}
{{ ['it\'s', 'a"b', 'tab\t', 'nl\n', 'back\\', '日本', '\x00\x1f\x7f', '\u2028'] | tojson }}
{% for x in 'ab' %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}
{% set x = {'a': [1, 2, {'b': none}]} %}{{ x.a[2].b }}{{ x['a'][2]['b'] is none }}{{ x.a | length }}
{%set a=1%}{%if a==1%}yes{%endif%}
{{ lines.split('\n') }}{{ lines.splitlines() }}
{{ (list | sort)[0] }}{{ (words | map('lower') | unique | list) }}
{% for g in people | groupby('city') %}{{ g[0] }}:{{ g[1] | length }};{% endfor %}
{% for city, items in people | groupby('city') %}{{ city }}:{{ items | map(attribute='name') | join('+') }};{% endfor %}
{{ people | map(attribute='tags', default=[]) | list }}
{{ people | map(attribute='tags') | list }}
{{ nested | map('first') | list }}{{ nested | map('length') | sum }}{{ nested | sum(start=[]) }}
{{ list | batch(2) | map('list') | list }}{{ list is sequence and list is not mapping and list is not string }}
{{ d | dictsort | map('first') | join }}{{ d | dictsort(false, 'key', true) | map(attribute=0) | join }}
{{ 'Hello %s, you are %d' | format('Bob', 5) }}{{ '%(x)s' | format(x=1) }}
{{ loop is defined }}
{{ m is defined }}{% macro m() %}{% endmacro %}{{ m is defined }}{{ m is callable }}
{% macro m(x, y) %}{{ x }}{{ y is defined }}{% endmacro %}{{ m(1) }}{{ m(*[1, 2]) }}{{ m(**{'x': 3}) }}
{% if n is number and n is not float %}i{% endif %}{{ 5.0 is integer }}{{ true is number }}{{ true is integer }}
{{ 1 if n > 5 else 2 if n > 3 else 3 }}
{{ [x for x in list] }}
{{ n := 3 }}
{{ list[n] }}|{{ list[0] }}|{{ list['0'] }}|{{ d[0] }}|{{ d['a'] }}
{{ s[0] }}{{ s[-1] }}{{ s[100] }}{{ uni[6] }}{{ s['upper']() }}
""".strip("\n")


def statements():
    """One template a line; a line that begins with a space or follows one that opens a block belongs to the last."""
    lines = STATEMENTS.split("\n")
    block = []
    for line in lines:
        block.append(line)
        yield line
    # The same lines in threes: what newlines around tags do.
    for i in range(len(lines) - 2):
        yield "\n".join(lines[i : i + 3])
    for i in range(len(lines) - 1):
        yield "  " + lines[i] + "\n  " + lines[i + 1] + "\n"


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def strftime_now(fmt):
        import datetime

        return datetime.datetime(2026, 1, 15, 12, 0, 0).strftime(fmt)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = strftime_now
    return env


def main():
    env = environment()
    cases = {}
    for source in itertools.chain(("{{ " + e + " }}" for e in expressions()), statements()):
        if source in cases:
            continue
        try:
            text = env.from_string(source).render(**copy.deepcopy(VARIABLES))
            if " at 0x" in text or " object>" in text or "bound method" in text or "built-in" in text or "<function" in text or "<class" in text:
                continue  # addresses and Python's own words for functions
        except Exception:
            text = None
        cases[source] = text
    out = {"renderer": f"jinja2 {jinja2.__version__}", "variables": VARIABLES, "cases": cases}
    path = pathlib.Path(__file__).with_name("jinja2_cases.json")
    path.write_text(json.dumps(out, ensure_ascii=False, indent=0) + "\n")
    print(len(cases), "cases,", sum(v is None for v in cases.values()), "refusals")


main()
