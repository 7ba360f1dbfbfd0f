import { type Part, partName } from './part.js';

/** The kind of thing that it is. */
export function whatOf(part: Part): string {
  return part.kind === 'index' && part.isUnique ? 'unique index' : part.kind;
}

/** Kind and name. */
export function partText(part: Part): string {
  return part.kind === 'replica identity' ? 'the replica identity' : `${whatOf(part)} ${partName(part)}`;
}

/** What it is, in a sentence. */
export function definitionOf(part: Part): string {
  switch (part.kind) {
    case 'trigger':
      return `${part.isInherited ? 'of the parent' : `${part.events} ${part.definition}`}${STATES[part.enabled] ?? ''}`;
    case 'rule':
      return `ON ${part.event} ${part.definition}${STATES[part.enabled] ?? ''}`;
    case 'policy':
      return [
        part.isPermissive ? '' : 'RESTRICTIVE',
        `FOR ${part.command} TO ${part.roles.join(', ')}`,
        part.using === null ? '' : `USING (${part.using})`,
        part.check === null ? '' : `WITH CHECK (${part.check})`,
      ]
        .filter((word) => word !== '')
        .join(' ');
    case 'replica identity':
      return part.identity.toUpperCase();
    case 'statistics':
      return `${part.definition.trim()}${part.target === null ? '' : `, target ${part.target}`}`;
    case 'index':
      return part.definition;
    default:
      return part.options.length === 0
        ? part.definition
        : `${part.definition} WITH (${part.options.join(', ')})`;
  }
}

const STATES: Readonly<Record<string, string>> = {
  D: ' (disabled)',
  R: ' (enabled for replicas only)',
  A: ' (enabled always)',
};
