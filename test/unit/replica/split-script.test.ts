import { expect, test } from 'vitest';
import { type ScriptStatement, splitScript } from '../../../src/replica/split-script.js';

function split(text: string, standardStrings = true): ScriptStatement[] {
  return splitScript(text, { fileName: 'a.sql', standardStrings });
}

function texts(text: string, standardStrings = true): string[] {
  return split(text, standardStrings).map((statement) => statement.text.trim());
}

test.each([
  ['a semicolon in a string', "select ';'; select 2", ["select ';'", 'select 2']],
  ['a doubled quote', "select 'it''s;'; select 2", ["select 'it''s;'", 'select 2']],
  ['a backslash in a plain string', "select '\\'; select 2", ["select '\\'", 'select 2']],
  ['a backslash in an E string', "select E'\\';'; select 2", ["select E'\\';'", 'select 2']],
  [
    'an E string that goes on in the next line',
    "select e'a' -- c\n  'b\\';'; select 2",
    ["select e'a' -- c\n  'b\\';'", 'select 2'],
  ],
  ['two strings on one line', "select 'a\\' ';b' ; select 2", ["select 'a\\' ';b'", 'select 2']],
  ['a U& string and name', 'select U&\'\\0041;\' as U&"x;" ; x', ['select U&\'\\0041;\' as U&"x;"', 'x']],
  ['a bit string', "select B'1', x'1F', n'\\'; 2", ["select B'1', x'1F', n'\\'", '2']],
  ['a quoted name', 'select 1 as "a;""b"; 2', ['select 1 as "a;""b"', '2']],
  ['a dollar quote', 'do $$ begin; $x$ ; end $$; 2', ['do $$ begin; $x$ ; end $$', '2']],
  ['a dollar quote with a tag', 'do $a1$ ; $$ ; $a$ $a1$; 2', ['do $a1$ ; $$ ; $a$ $a1$', '2']],
  ['a dollar in a name', 'select a$b$ ; c$b$', ['select a$b$', 'c$b$']],
  ['a parameter', 'select $1; select $2', ['select $1', 'select $2']],
  ['a tag with other letters', 'do $é$ ; $é$; 2', ['do $é$ ; $é$', '2']],
  ['a line comment', "select 1 -- ; it's\n; 2", ["select 1 -- ; it's", '2']],
  ['a comment after an operator', 'select 1 +-- ;\n 2; 3', ['select 1 +-- ;\n 2', '3']],
  ['a nested comment', "/* ; /* ' */ ; */ select 1 /* ; */; 2", ['select 1 /* ; */', '2']],
  [
    'parentheses',
    'create rule r as on insert to t do (a; b); 2',
    ['create rule r as on insert to t do (a; b)', '2'],
  ],
  [
    'a begin atomic body',
    'create function f() returns int begin atomic select case when 1>0 then 1 end; select 2; end; 3',
    ['create function f() returns int begin atomic select case when 1>0 then 1 end; select 2; end', '3'],
  ],
  [
    'a procedure',
    'create or replace procedure p() begin /* c */ atomic select 1; end; 3',
    ['create or replace procedure p() begin /* c */ atomic select 1; end', '3'],
  ],
  ['begin outside of a routine', 'begin; atomic; end', ['begin', 'atomic', 'end']],
  ['empty statements', ';; select 1 ;; -- x\n/* y */ ;', ['select 1']],
])('%s does not split wrongly', (_what, text, expected) => {
  expect(texts(text)).toEqual(expected);
});

test('without standard_conforming_strings a backslash escapes', () => {
  expect(texts("select '\\';'; select 2", false)).toEqual(["select '\\';'", 'select 2']);
});

test('a statement knows its number, its line and its words outside of parentheses', () => {
  const [, second] = split('select 1;\n-- x\n\nCreate Unique INDEX (foo) "x" concurrently\n;');
  expect(second).toMatchObject({ number: 2, line: 4, words: ['create', 'unique', 'index', 'concurrently'] });
});

test.each([
  ["select 1;\nselect 'x", 'a.sql, line 2: the string that begins here does not end.'],
  ['\n\nselect "x', 'a.sql, line 3: the quoted name that begins here does not end.'],
  ['/* /* */', 'a.sql, line 1: the comment that begins here does not end.'],
  ['do $x$ $$', 'a.sql, line 1: the text that begins with $x$ here does not end.'],
  ['select 1;\n\\i b.sql', 'a.sql, line 2: psql commands'],
])('%j is refused', (text, message) => {
  expect(() => split(text)).toThrow(message);
});
