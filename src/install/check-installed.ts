import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { planInstall, type SchemaPlan } from './plan-install.js';

/**
 * Makes sure that the database has the schemas that this version works with. Changes nothing.
 *
 * Throws PC206 when schemas or migrations are missing, PC207 when the database has a migration that this version
 * does not know.
 */
export async function checkInstalled(connection: Connection): Promise<void> {
  const { schemas } = await planInstall(connection);
  for (const plan of schemas) {
    if (plan.unknownMigrations.length > 0) throw newerVersionError(plan, connection.target);
  }
  const outdated = schemas.filter((plan) => plan.missingMigrations.length > 0);
  if (outdated.length > 0) {
    const names = outdated.map((plan) => plan.files.schema).join(', ');
    throw new ReplicateError(
      'PC206',
      `In ${connection.target} pgcascade's SQL is missing or too old (${names}).`,
      {
        missing: outdated
          .flatMap((plan) => plan.missingMigrations.map((m) => `${plan.files.schema}/${m}`))
          .join(' '),
      },
    );
  }
}

/** The database was upgraded by a version newer than this one. */
export function newerVersionError(plan: SchemaPlan, target: string): ReplicateError {
  return new ReplicateError(
    'PC207',
    `In ${target} schema ${plan.files.schema} is newer than this version of pgcascade.`,
    { unknown: plan.unknownMigrations.join(' ') },
  );
}
