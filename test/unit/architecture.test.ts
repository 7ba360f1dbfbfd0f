import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

const BASE = ['errors', 'runtime', 'db'];
const TO_CASCADE = [...BASE, 'queue', 'cascade'];
const TO_CAPTURE = [...TO_CASCADE, 'replica', 'capture'];
const ENGINE = [
  ...TO_CAPTURE,
  'install',
  'schema',
  'ticker',
  'apply',
  'handlers',
  'copy',
  'compare',
  'check',
];
const ALL = [...ENGINE, 'config', 'worker', 'switchover', 'observe', 'demo', 'cli'];

/** The table of layout.md: what the files of a folder may import besides their own folder. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  runtime: ['errors'],
  config: ['errors'],
  db: ['errors', 'runtime'],
  install: BASE,
  queue: BASE,
  schema: BASE,
  ticker: [...BASE, 'queue'],
  cascade: [...BASE, 'queue'],
  replica: TO_CASCADE,
  capture: TO_CASCADE,
  apply: TO_CAPTURE,
  handlers: [...TO_CAPTURE, 'apply'],
  copy: [...TO_CAPTURE, 'handlers'],
  compare: [...TO_CAPTURE, 'handlers'],
  check: [...TO_CAPTURE, 'schema', 'handlers', 'compare'],
  worker: ENGINE,
  switchover: ENGINE,
  observe: ENGINE,
  demo: ALL,
  cli: ALL,
};

/** Packages that only one folder may import. */
const PACKAGES_OF: Readonly<Record<string, string>> = {
  pg: 'db',
  'pg-copy-streams': 'db',
};

interface SourceFile {
  /** Relative to src. */
  readonly path: string;
  readonly folder: string;
  /** Without comments. */
  readonly code: string;
  /** Files of src, relative to it. */
  readonly imports: readonly string[];
  readonly packages: readonly string[];
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map(readSource);

function readSource(path: string): SourceFile {
  // A "//" inside a string, as in a URL, has no space before it or a colon.
  const code = readFileSync(join(SRC, path), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '$1');
  const specifiers = Array.from(
    code.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"`])([^'"`]+)\1/g),
    (match) => match[2] as string,
  );
  const isOwn = (specifier: string): boolean => specifier.startsWith('.');
  return {
    path,
    folder: path.split('/')[0] as string,
    code,
    imports: specifiers
      .filter((specifier) => isOwn(specifier) && !specifier.includes('$'))
      .map((specifier) => relative(SRC, join(SRC, dirname(path), specifier)).replace(/\.js$/, '.ts')),
    packages: specifiers.filter((specifier) => !isOwn(specifier)),
  };
}

/** `path: what` for every file outside `allowed` whose code matches. */
function filesWith(pattern: RegExp, isAllowed: (file: SourceFile) => boolean): string[] {
  return files.flatMap((file) => {
    const found = isAllowed(file) ? null : pattern.exec(file.code);
    return found === null ? [] : [`${file.path}: ${found[0]}`];
  });
}

test('every folder of src is in the import table', () => {
  expect([...new Set(files.map(({ folder }) => folder))].filter((folder) => !(folder in MAY_IMPORT))).toEqual(
    [],
  );
});

test('files import only the folders that the import table allows', () => {
  const forbidden = files.flatMap(({ path, folder, imports }) =>
    imports
      .map((target) => target.split('/')[0] as string)
      .filter((target) => target !== folder && !MAY_IMPORT[folder]?.includes(target))
      .map((target) => `${path} imports ${target}`),
  );
  expect(forbidden).toEqual([]);
});

test('every import leads to a file', () => {
  const known = new Set(files.map(({ path }) => path));
  const lost = files.flatMap(({ path, imports }) =>
    imports.filter((target) => !known.has(target)).map((target) => `${path} imports ${target}`),
  );
  expect(lost).toEqual([]);
});

test('files do not import each other in a circle', () => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const finished = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (finished.has(path)) return;
    for (const target of byPath.get(path)?.imports ?? []) visit(target, [...trail, path]);
    finished.add(path);
  };
  for (const { path } of files) visit(path, []);
  expect(circles).toEqual([]);
});

test('the PostgreSQL driver is imported only in db', () => {
  const found = files.flatMap(({ path, folder, packages }) =>
    packages
      .filter((name) => name in PACKAGES_OF && PACKAGES_OF[name] !== folder)
      .map((name) => `${path} imports ${name}`),
  );
  expect(found).toEqual([]);
});

test('only cli reads the command line and the environment, prints, and ends the process', () => {
  const pattern = /\bprocess\.(?:argv|env|exit|exitCode|stdout|stderr|stdin)\b|\bconsole\./;
  expect(filesWith(pattern, ({ folder }) => folder === 'cli')).toEqual([]);
});

test('only cli and config read the configuration', () => {
  const found = files
    .filter(({ folder }) => !['cli', 'config', 'demo'].includes(folder))
    .filter(({ imports }) => imports.some((target) => target.startsWith('config/')));
  expect(found.map(({ path }) => path)).toEqual([]);
});

test('only runtime/lifecycle listens to signals', () => {
  const pattern = /\.(?:on|once|addListener|prependListener)\(\s*['"]SIG\w+/;
  expect(filesWith(pattern, ({ path }) => path === 'runtime/lifecycle.ts')).toEqual([]);
});

test('only demo measures time by the wall clock, which somebody may set meanwhile', () => {
  expect(filesWith(/\bDate\.now\b/, ({ folder }) => folder === 'demo')).toEqual([]);
});

test('there is no index.ts and nothing is exported again', () => {
  expect(files.filter(({ path }) => path.endsWith('index.ts')).map(({ path }) => path)).toEqual([]);
  expect(filesWith(/\bexport\s*(?:type\s*)?(?:\*|\{[^}]*\})\s*from\b/, () => false)).toEqual([]);
});

test('names that say nothing are not used for files', () => {
  const empty = /(?:^|[/-])(?:utils?|helpers?|common|manager|misc)\.ts$/;
  expect(files.filter(({ path }) => empty.test(path)).map(({ path }) => path)).toEqual([]);
});
