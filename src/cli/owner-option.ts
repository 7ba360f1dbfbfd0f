import type { OptionSpec } from './command.js';

/** For commands that make objects of the provider's database. */
export const OWNER_OPTION: OptionSpec = {
  flags: '--no-owner',
  summary:
    'All that is made belongs to our role, SECURITY DEFINER functions and views too: they act with its rights then.',
};

/** Of "--no-owner" commander makes `owner: false`, and `owner: true` of its absence. */
export function keepsAll(options: Readonly<Record<string, unknown>>): boolean {
  return options['owner'] === false;
}
