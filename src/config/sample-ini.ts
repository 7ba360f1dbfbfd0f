import type { KeyDeclaration } from './key.js';
import type { ConfigSchema } from './load-config.js';

const WIDTH = 100;
const UNITS: Partial<Record<KeyDeclaration['type'], string>> = {
  seconds: 'in seconds',
  list: 'separated by commas',
  bytes: 'in bytes, or with kB, MB, GB',
};

/** A complete sample file: every key with its sentence, required ones set to an example, others shown as comments. */
export function sampleIni(schema: ConfigSchema<readonly KeyDeclaration[]>): string {
  const keys = schema.keys.map((key) => {
    const unit = UNITS[key.type];
    const notes = [
      ...(key.required ? ['required'] : []),
      ...(unit === undefined ? [] : [unit]),
      ...(key.aliases === undefined ? [] : [`also called ${key.aliases.join(', ')}`]),
    ];
    const comment = notes.length === 0 ? key.sentence : `${key.sentence} (${notes.join('; ')})`;
    const setting = `${key.name} = ${shownValue(key)}`.trimEnd();
    return `${commentLines(comment)}\n${key.required ? setting : `#${setting}`}`;
  });
  const ignored = commentLines(`Accepted without effect: ${schema.ignoredKeys.join(', ')}.`);
  return `${[`[${schema.sections[0]}]`, ...keys, ignored].join('\n\n')}\n`;
}

function shownValue(key: KeyDeclaration): string {
  // Where a default is made from other keys the sentence says how; the reference itself is not for people.
  if (key.default?.includes('%(ini_name)s')) return '';
  return key.default ?? key.example ?? '';
}

function commentLines(text: string): string {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
