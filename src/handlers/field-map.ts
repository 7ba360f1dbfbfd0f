import { ReplicateError } from '../errors/replicate-error.js';

/** Which columns of the provider's rows are here, and under which names. */
export interface FieldMap {
  /** All that are not named are here under their own names. */
  readonly hasOthers: boolean;
  readonly names: ReadonlyMap<string, string>;
  readonly skipped: ReadonlySet<string>;
}

export const ALL_FIELDS: FieldMap = { hasOthers: true, names: new Map(), skipped: new Set() };

/** Reads `fields` (`*`, `name`, `name:name here`, commas between) and `skip_fields`. Throws PC410. Pure. */
export function readFieldMap(fields: string | undefined, skipFields: string | undefined): FieldMap {
  const names = new Map<string, string>();
  let hasOthers = fields === undefined;
  for (const part of (fields ?? '').split(',').map((text) => text.trim())) {
    if (fields === undefined) break;
    const [name, here = name, ...more] = part.split(':').map((text) => text.trim());
    if (name === undefined || name === '' || here === undefined || here === '' || more.length > 0) {
      throw new ReplicateError('PC410', `fields=${fields} is no list of *, column or column:column here.`);
    }
    if (name === '*') hasOthers = true;
    else if ((names.get(name) ?? here) === here) names.set(name, here);
    else throw new ReplicateError('PC410', `fields=${fields} gives the column ${name} two names here.`);
  }
  if (new Set(names.values()).size < names.size) {
    throw new ReplicateError('PC410', `fields=${fields ?? ''} has two columns with one name here.`);
  }
  const skipped = (skipFields ?? '').split(',').map((text) => text.trim());
  return { hasOthers, names, skipped: new Set(skipped.filter((name) => name !== '')) };
}

/** The name that a column of the provider has here; undefined when it is not here. Pure. */
export function fieldHere({ hasOthers, names, skipped }: FieldMap, name: string): string | undefined {
  if (skipped.has(name)) return undefined;
  return names.get(name) ?? (hasOthers ? name : undefined);
}

export function isAllFields({ hasOthers, names, skipped }: FieldMap): boolean {
  return hasOthers && names.size === 0 && skipped.size === 0;
}
