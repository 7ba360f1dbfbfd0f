/** A column, and values of it that are to be told apart or not. */
export interface ValueCase {
  readonly type: string;
  /** Pairs of SQL literals: provider's, subscriber's. Every pair is a difference. */
  readonly different: readonly (readonly [string | null, string | null])[];
  /** Pairs that are the same value in another writing. */
  readonly equal?: readonly (readonly [string, string])[];
  /** The oldest major version that has it. */
  readonly since?: number;
}

/** Run on both sides before the tables are made. */
export const MUTATION_TYPES = `
create type mood as enum ('sad', 'ok');
create type pair as (a double precision, b integer);
create type nested as (p pair, words text[]);
create type float8range as range (subtype = double precision);
create domain share as double precision;
create domain shares as double precision[];
create domain code as char(4);
`;

/** Every type with the smallest differences that it has, and null against what is next to nothing. */
export const VALUE_CASES: readonly ValueCase[] = [
  {
    type: 'boolean',
    different: [
      ['true', 'false'],
      [null, 'false'],
    ],
  },
  {
    type: 'smallint',
    different: [
      ['1', '-1'],
      [null, '0'],
      ['256', '0'],
    ],
  },
  {
    type: 'integer',
    different: [
      ['1', '2'],
      ['65536', '0'],
      [null, '0'],
    ],
  },
  {
    type: 'bigint',
    different: [
      ['9007199254740993', '9007199254740992'],
      ['4294967296', '0'],
      [null, '0'],
    ],
  },
  {
    type: 'numeric',
    different: [
      ['1.0', '1.00'],
      ['0', 'NaN'],
      [null, '0'],
      ['1e-30', '2e-30'],
      ['12345678901234567890', '12345678901234567891'],
    ],
    equal: [
      ['1e3', '1000'],
      ['+1.50', '1.50'],
    ],
  },
  {
    type: 'numeric(20,6)',
    different: [
      ['1.000001', '1.000002'],
      [null, '0'],
    ],
    equal: [['1', '1.000000']],
  },
  {
    type: 'money',
    different: [
      ['1.50', '1.51'],
      [null, '0'],
      ['-1', '1'],
    ],
  },
  {
    type: 'real',
    different: [
      ['0.1', '0.10000001'],
      ['-0', '0'],
      ['NaN', 'Infinity'],
      [null, '0'],
    ],
    equal: [
      ['1e1', '10'],
      ['0.1', '0.1000000001'],
    ],
  },
  {
    type: 'double precision',
    different: [
      ['0.3', '0.30000000000000004'],
      ['-0', '0'],
      ['5e-324', '0'],
      ['NaN', '0'],
      [null, '0'],
      ['Infinity', '-Infinity'],
    ],
    equal: [
      ['1e2', '100'],
      ['0.1', '0.10000000000000000555'],
    ],
  },
  {
    type: 'text',
    different: [
      ['a', 'b'],
      [null, ''],
      ['a ', 'a'],
      ['é', 'e'],
      ['\u00e9', 'e\u0301'],
      ['null', null],
      ['a\\b', 'ab'],
      ['A', 'a'],
      ['\t', ' '],
    ],
  },
  {
    type: 'varchar(20)',
    different: [
      ['a ', 'a'],
      [null, ''],
      ['ß', 'ss'],
    ],
  },
  {
    type: 'char(5)',
    different: [
      ['ab', 'ac'],
      [null, ''],
    ],
    equal: [['ab', 'ab   ']],
  },
  {
    type: '"char"',
    different: [
      ['a', 'b'],
      [null, ''],
    ],
  },
  {
    type: 'name',
    different: [
      ['a', 'b'],
      [null, ''],
      ['a ', 'a'],
    ],
  },
  {
    type: 'bytea',
    different: [
      ['\\x00', '\\x'],
      ['\\x00ff', '\\x00fe'],
      ['\\x80', '\\x00'],
      [null, '\\x'],
    ],
    equal: [
      ['\\x6162', 'ab'],
      ['\\000\\377', '\\x00ff'],
    ],
  },
  {
    type: 'date',
    different: [
      ['2000-01-01', '2000-01-02'],
      ['infinity', '-infinity'],
      [null, '1970-01-01'],
      ['0001-01-01 BC', '0001-01-01'],
    ],
  },
  {
    type: 'time',
    different: [
      ['00:00', '24:00'],
      ['10:00:00.000001', '10:00'],
      [null, '00:00'],
    ],
  },
  {
    type: 'timetz',
    different: [
      ['10:00+02', '09:00+01'],
      ['10:00+00', '10:00:00.000001+00'],
      [null, '00:00+00'],
    ],
    equal: [['10:00+02', '10:00+02:00']],
  },
  {
    type: 'timestamp',
    different: [
      ['2001-02-03 04:05:06.000001', '2001-02-03 04:05:06'],
      ['infinity', '-infinity'],
      [null, '1970-01-01'],
    ],
  },
  {
    type: 'timestamptz',
    different: [
      ['2001-02-03 04:05:06.000001+00', '2001-02-03 04:05:06+00'],
      ['infinity', '2001-01-01+00'],
      [null, '1970-01-01+00'],
      ['2001-02-03 04:05:06+01', '2001-02-03 04:05:06+00'],
    ],
    equal: [
      ['2001-02-03 04:05:06+01', '2001-02-03 03:05:06+00'],
      ['1800-06-06 12:00+05:30', '1800-06-06 06:30+00'],
    ],
  },
  {
    type: 'interval',
    different: [
      ['24 hours', '1 day'],
      ['30 days', '1 month'],
      ['1 microsecond', '0'],
      [null, '0'],
      ['1 mon -1 day', '1 mon 1 day'],
    ],
    equal: [
      ['1 year', '12 months'],
      ['P1DT2H', '1 day 2 hours'],
      ['60 minutes', '1 hour'],
    ],
  },
  {
    type: 'uuid',
    different: [
      ['8f14e45f-ceea-167a-5a36-dedd4bea2543', '8f14e45f-ceea-167a-5a36-dedd4bea2542'],
      [null, '00000000-0000-0000-0000-000000000000'],
    ],
  },
  {
    type: 'json',
    different: [
      ['{"a":1}', '{"a": 1}'],
      ['{"a":1,"b":2}', '{"b":2,"a":1}'],
      [null, 'null'],
      ['1', '1.0'],
      ['{"a":1,"a":1}', '{"a":1}'],
    ],
  },
  {
    type: 'jsonb',
    different: [
      ['{"a":1}', '{"a":1.0}'],
      ['[1,2]', '[2,1]'],
      [null, 'null'],
      ['{"a":null}', '{}'],
      ['"1"', '1'],
    ],
    equal: [
      ['{"a":1,"b":2}', '{"b": 2, "a": 1}'],
      ['{"a":1,"a":2}', '{"a":2}'],
    ],
  },
  {
    type: 'xml',
    different: [
      ['<a/>', '<a></a>'],
      ['<a>1</a>', '<a> 1</a>'],
      [null, ''],
    ],
  },
  {
    type: 'inet',
    different: [
      ['10.0.0.1/8', '10.0.0.1/16'],
      ['10.0.0.1', '10.0.0.2'],
      ['::1', '0.0.0.1'],
      [null, '0.0.0.0'],
    ],
  },
  {
    type: 'cidr',
    different: [
      ['10.0.0.0/8', '10.0.0.0/16'],
      [null, '0.0.0.0/0'],
    ],
  },
  {
    type: 'macaddr',
    different: [
      ['08:00:2b:01:02:03', '08:00:2b:01:02:04'],
      [null, '00:00:00:00:00:00'],
    ],
  },
  { type: 'macaddr8', different: [['08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03:04:06']] },
  {
    type: 'bit(5)',
    different: [
      ['10101', '10100'],
      [null, '00000'],
    ],
  },
  {
    type: 'bit varying',
    different: [
      ['1', '10'],
      ['0', ''],
      [null, ''],
      ['10101010', '101010100'],
    ],
  },
  {
    type: 'point',
    different: [
      ['(1,2)', '(2,1)'],
      ['(-0,0)', '(0,0)'],
      ['(0.1,0)', '(0.10000000000000002,0)'],
      [null, '(0,0)'],
    ],
  },
  { type: 'line', different: [['{1,2,3}', '{1,2,4}']] },
  { type: 'lseg', different: [['[(0,0),(1,1)]', '[(1,1),(0,0)]']] },
  { type: 'box', different: [['(1,1),(0,0)', '(2,1),(0,0)']], equal: [['(0,0),(1,1)', '(1,1),(0,0)']] },
  { type: 'path', different: [['[(0,0),(1,1)]', '((0,0),(1,1))']] },
  { type: 'polygon', different: [['((0,0),(1,1),(1,0))', '((1,0),(0,0),(1,1))']] },
  { type: 'circle', different: [['<(0,0),1>', '<(0,0),1.0000000000000002>']] },
  {
    type: 'oid',
    different: [
      ['1', '2'],
      ['4294967295', '0'],
      [null, '0'],
    ],
  },
  { type: 'pg_lsn', different: [['16/B374D848', '16/B374D849']] },
  { type: 'txid_snapshot', different: [['10:20:10,14,15', '10:20:10,14']] },
  {
    type: 'tsvector',
    different: [
      ["'a':1", "'a':2"],
      ["'a':1A", "'a':1"],
      [null, ''],
    ],
    equal: [["'b' 'a'", "'a' 'b'"]],
  },
  {
    type: 'tsquery',
    different: [
      ["'a' & 'b'", "'a' | 'b'"],
      ["'a' & 'b'", "'b' & 'a'"],
    ],
  },
  {
    type: 'mood',
    different: [
      ['sad', 'ok'],
      [null, 'sad'],
    ],
  },
  {
    type: 'share',
    different: [
      ['0.1', '0.10000000000000002'],
      ['-0', '0'],
      [null, '0'],
    ],
  },
  {
    type: 'code',
    different: [
      ['ab', 'ac'],
      [null, ''],
    ],
    equal: [['ab', 'ab  ']],
  },
  {
    type: 'pair',
    different: [
      ['(,)', null],
      ['(0.1,1)', '(0.10000000000000002,1)'],
      ['(,1)', '(1,)'],
    ],
  },
  {
    type: 'nested',
    different: [
      ['("(1,2)",{a})', '("(1,2)",{b})'],
      ['("(-0,2)",)', '("(0,2)",)'],
      ['("(,)",{})', '(,{})'],
      ['(,{})', '(,)'],
    ],
  },
  {
    type: 'integer[]',
    different: [
      ['{1,2}', '{2,1}'],
      ['{}', null],
      ['{null}', '{}'],
      ['[0:1]={1,2}', '{1,2}'],
      ['{{1,2}}', '{1,2}'],
      ['{{1},{2}}', '{{1,2}}'],
      ['{0}', '{null}'],
    ],
    equal: [['[1:2]={1,2}', '{1,2}']],
  },
  {
    type: 'text[]',
    different: [
      ['{"a,b"}', '{a,b}'],
      ['{"NULL"}', '{NULL}'],
      ['{""}', '{}'],
      ['{"a ",b}', '{"a","b"}'],
      ['{a,b}', '{"a\\",\\"b"}'],
    ],
  },
  {
    type: 'double precision[]',
    different: [
      ['{0.1,-0}', '{0.1,0}'],
      ['{0.3}', '{0.30000000000000004}'],
      ['[0:0]={1}', '{1}'],
      ['{{1,2},{3,4}}', '{1,2,3,4}'],
      ['{}', null],
      ['{null}', '{NaN}'],
    ],
  },
  {
    type: 'shares',
    different: [
      ['{0.1}', '{0.10000000000000002}'],
      ['{}', null],
    ],
  },
  {
    type: 'pair[]',
    different: [
      ['{"(1,2)"}', '{"(1,3)"}'],
      ['{"(-0,2)"}', '{"(0,2)"}'],
      ['{"(,)"}', '{null}'],
    ],
  },
  {
    type: 'bytea[]',
    different: [
      ['{"\\\\x00ff"}', '{"\\\\x00fe"}'],
      ['{"\\\\x"}', '{null}'],
    ],
  },
  {
    type: 'int4range',
    different: [
      ['[1,5)', '[1,6)'],
      ['empty', null],
      ['(,5)', '[1,5)'],
      ['empty', '(,)'],
    ],
    equal: [
      ['[1,4]', '[1,5)'],
      ['[3,3)', 'empty'],
    ],
  },
  {
    type: 'numrange',
    different: [
      ['[1.0,2)', '[1.00,2)'],
      ['[1,2)', '(1,2)'],
    ],
  },
  {
    type: 'tstzrange',
    different: [
      ['[2001-01-01 00:00+00,)', '[2001-01-01 00:00:00.000001+00,)'],
      ['(,)', 'empty'],
    ],
  },
  {
    type: 'float8range',
    different: [
      ['[0.1,1)', '[0.10000000000000002,1)'],
      ['[-0,1)', '[0,1)'],
      ['[0,1)', '(0,1)'],
      ['empty', null],
    ],
  },
  { type: 'int4range[]', different: [['{"[1,2)"}', '{"[1,3)"}']] },
  { type: 'jsonpath', since: 12, different: [['$.a', '$.b']], equal: [['$.a', '$."a"']] },
  {
    type: 'int4multirange',
    since: 14,
    different: [
      ['{[1,2),[5,6)}', '{[1,2)}'],
      ['{}', null],
    ],
    equal: [['{[1,2),[2,3)}', '{[1,3)}']],
  },
  { type: 'nummultirange', since: 14, different: [['{[1.0,2)}', '{[1.00,2)}']] },
  { type: 'xid8', since: 14, different: [['4294967296', '0']] },
];
