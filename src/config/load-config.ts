import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ReplicateError } from '../errors/replicate-error.js';
import { readIni } from './ini-lines.js';
import { interpolate } from './interpolate.js';
import type { ConfigurationOf, KeyDeclaration } from './key.js';
import { nearestHint } from './nearest-name.js';
import { type PathBase, readValue } from './read-value.js';

/** What an ini file of one program may hold. */
export interface ConfigSchema<Keys extends readonly KeyDeclaration[]> {
  /** Sections that are read, the first that is there. */
  readonly sections: readonly string[];
  readonly keys: Keys;
  /** Keys that are accepted without effect. */
  readonly ignoredKeys: readonly string[];
}

export interface ConfigSource {
  readonly path: string;
  /** `--set key=value`: over the file. */
  readonly overrides: readonly string[];
  readonly base: PathBase;
}

export interface LoadedConfig<Keys extends readonly KeyDeclaration[]> {
  /** Frozen. */
  readonly config: ConfigurationOf<Keys>;
  /** Keys of the file that have no effect here. */
  readonly ignoredKeys: readonly string[];
}

/**
 * Reads an ini file into the typed object of its program: command line over file over default. An empty value is the
 * same as none.
 *
 * Throws PC101 when the file cannot be read, PC102 for anything in it that is not right.
 */
export function loadConfig<const Keys extends readonly KeyDeclaration[]>(
  schema: ConfigSchema<Keys>,
  source: ConfigSource,
): LoadedConfig<Keys> {
  const texts = readTexts(schema, source);
  const ignoredKeys = [...texts.keys()].filter((name) => schema.ignoredKeys.includes(name));

  const byName = new Map(schema.keys.map((key) => [key.name, key]));
  const iniName = basename(source.path).replace(/\.ini$/, '');
  const lookup = (name: string): string | undefined =>
    name === 'ini_name' ? iniName : (texts.get(name) ?? byName.get(name)?.default);

  const fields = schema.keys.map((key) => {
    const text = lookup(key.name);
    if (text === undefined) {
      if (key.required) {
        throw new ReplicateError('PC102', `The key "${key.name}" is missing in ${source.path}.`, {
          key: key.name,
        });
      }
      return [fieldName(key), undefined];
    }
    return [fieldName(key), readValue(key, interpolate(key.name, text, lookup), source.base)];
  });
  return { config: Object.freeze(Object.fromEntries(fields)) as ConfigurationOf<Keys>, ignoredKeys };
}

/** The text of every key that the file or the command line sets, under the key's first name. */
function readTexts(
  schema: ConfigSchema<readonly KeyDeclaration[]>,
  source: ConfigSource,
): Map<string, string> {
  const canonical = new Map(
    schema.keys.flatMap((key) => [key.name, ...(key.aliases ?? [])].map((name) => [name, key.name])),
  );
  for (const name of schema.ignoredKeys) canonical.set(name, name);
  const canonicalName = (name: string, where: string): string => {
    const known = canonical.get(name);
    if (known === undefined) {
      const hint = nearestHint(name, canonical.keys());
      throw new ReplicateError('PC102', `Unknown key "${name}" ${where}${hint}`, { key: name });
    }
    return known;
  };

  const texts = new Map<string, string>();
  for (const entry of readSection(schema, source.path)) {
    const name = canonicalName(entry.key, `in line ${entry.line} of ${source.path}`);
    if (entry.value !== '') texts.set(name, entry.value);
  }
  for (const override of source.overrides) {
    const equals = override.indexOf('=');
    if (equals < 1) {
      throw new ReplicateError('PC100', `"--set ${override}" is not of the form --set key=value.`);
    }
    const name = canonicalName(override.slice(0, equals).trim().toLowerCase(), 'in --set');
    const value = override.slice(equals + 1).trim();
    if (value === '') texts.delete(name);
    else texts.set(name, value);
  }
  return texts;
}

function readSection(schema: ConfigSchema<readonly KeyDeclaration[]>, path: string) {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new ReplicateError('PC101', `The ini file ${path} ${reason}.`, { path }, { cause });
  }
  const sections = readIni(content, path);
  const name = schema.sections.find((section) => sections.has(section));
  if (name === undefined) {
    const expected = schema.sections.map((section) => `[${section}]`).join(' or ');
    throw new ReplicateError('PC102', `The ini file ${path} has no section ${expected}.`, { path });
  }
  // Keys of [DEFAULT] hold for every section, as in the original programs.
  return new Map([...(sections.get('DEFAULT') ?? []), ...(sections.get(name) ?? [])]).values();
}

/** `loop_delay` in seconds becomes `loopDelayMs`: the run-time twin of the type `FieldName`. */
function fieldName(key: KeyDeclaration): string {
  const camel = key.name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return key.type === 'seconds' ? `${camel}Ms` : camel;
}
