import { ReplicateError } from '../errors/replicate-error.js';

const PLACE = /%(?:\((\w+)\)s|(%))/g;

/** Throws PC410 when a template names a value that there is not. Pure. */
export function checkTemplate(argument: string, template: string, names: readonly string[]): void {
  for (const [, name] of template.matchAll(PLACE)) {
    if (name === undefined || names.includes(name)) continue;
    throw new ReplicateError(
      'PC410',
      `${argument} has no value %(${name})s. There are: ${names.map((known) => `%(${known})s`).join(', ')}.`,
    );
  }
}

/** A template as Londiste's: `%(name)s` is a value, `%%` a percent sign. Pure. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(PLACE, (_, name: string | undefined) =>
    name === undefined ? '%' : (values[name] ?? ''),
  );
}
