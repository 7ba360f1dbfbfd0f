import type { NodeInfo } from '../cascade/node-info.js';
import { readIgnoredColumns } from '../compare/ignored-columns.js';
import type { Connection } from '../db/connection.js';
import { splitName } from '../db/identifier.js';
import type { ErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { applyfn } from '../handlers/applyfn.js';
import { ELSEWHERE, type HandlerSettings } from '../handlers/contract.js';
import { type BoundHandler, tryToBindHandler } from '../handlers/registry.js';
import { expandNames } from '../replica/expand-names.js';
import { readSequences } from '../replica/sequence-list.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import { nameOf } from '../schema/objects-by-name.js';
import { readSchema } from '../schema/read-schema.js';
import { readTarget } from '../schema/target.js';
import type { CompareContext, TablePair } from './compare-context.js';
import { compareDatabases } from './compare-databases.js';
import type { Finding } from './finding.js';
import { withoutDoubts } from './own-words.js';
import { readKeptOff } from './read-kept-off.js';
import { readSurroundings } from './surroundings.js';
import { compareSurroundings, databaseHindrances, type NodeSide } from './surroundings-findings.js';
import { readCaptureStates, readTableFacts, type TableFacts } from './table-facts.js';
import { captureHindrances, type TableRole, tableHindrances } from './table-hindrances.js';
import { readUnreplicable } from './unreplicable.js';

export interface CheckOptions {
  readonly queueName: string;
  readonly node: NodeInfo;
  /** Names and patterns of tables and sequences; none: all. */
  readonly names: readonly string[];
  /** Names and patterns that are left out. */
  readonly except: readonly string[];
  /** All objects of both databases. */
  readonly everything: boolean;
  readonly handlers: HandlerSettings;
  readonly parallelCopies: number;
}

/** A name that nothing can be said of. */
export interface NotChecked {
  readonly name: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

export interface CheckResult {
  readonly node: string;
  /** Null on a root. */
  readonly provider: string | null;
  /** How many were looked at. */
  readonly tables: number;
  readonly sequences: number;
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

/** Where the node above is, and what it is. */
export interface ProviderSide {
  readonly connection: Connection;
  readonly node: NodeInfo;
}

/**
 * Looks for what is in the way of replication on a node, and, below a root, for all in which its tables differ from its provider's. Reads the
 * catalogs only: no table is read or locked; what it makes to understand an expression is temporary and rolled back.
 */
export async function checkNode(
  local: Connection,
  provider: ProviderSide | undefined,
  options: CheckOptions,
): Promise<CheckResult> {
  for (const connection of [local, ...(provider === undefined ? [] : [provider.connection])]) {
    // Else definitions would be written in two ways.
    await connection.execute('set quote_all_identifiers = off');
  }
  const check = new NodeCheck(local, provider, options);
  return check.run();
}

/** Sessions of a worker beside its copies: its own, its reader's, one for large rows. */
const WORKER_SESSIONS = 3;

class NodeCheck {
  readonly #local: Connection;
  readonly #provider: ProviderSide | undefined;
  readonly #options: CheckOptions;
  readonly #findings: Finding[] = [];
  readonly #notChecked: NotChecked[] = [];

  constructor(local: Connection, provider: ProviderSide | undefined, options: CheckOptions) {
    this.#local = local;
    this.#provider = provider;
    this.#options = options;
  }

  async run(): Promise<CheckResult> {
    const { queueName, node } = this.#options;
    const [tables, sequences] = [
      await readTables(this.#local, queueName),
      await readSequences(this.#local, queueName),
    ];
    const chosen = this.#choose(
      tables.map(({ name }) => name),
      sequences.map(({ name }) => name),
    );
    const ownTables = tables.filter(({ name }) => chosen.has(name));
    const ownSequences = sequences.filter(({ name }) => chosen.has(name));
    const bound = this.#bind(ownTables.filter(({ isLocal }) => isLocal));
    const localSequences = ownSequences.filter(({ isLocal }) => isLocal).map(({ name }) => name);
    const around = await readSurroundings(
      this.#local,
      bound.map(({ table }) => table.destTable),
    );
    const here: NodeSide = { node: node.nodeName, surroundings: around };
    const facts = await this.#ownHindrances(here, node, bound, tables, sequences);
    if (this.#provider === undefined) {
      await this.#missingSequences(this.#local, node.nodeName, localSequences);
      if (this.#options.names.length === 0)
        this.#findings.push(...(await readUnreplicable(this.#local, node.nodeName)));
    } else {
      await this.#against(this.#provider, here, { ownTables, ownSequences, bound, localSequences, facts });
    }
    return {
      node: node.nodeName,
      provider: this.#provider?.node.nodeName ?? null,
      tables: bound.length,
      sequences: localSequences.length,
      findings: inOrder(
        this.#findings,
        tables.map(({ name }) => name),
      ),
      notChecked: this.#notChecked,
    };
  }

  #choose(tables: readonly string[], sequences: readonly string[]): ReadonlySet<string> {
    const { names, except } = this.#options;
    const candidates = [...tables, ...sequences];
    const wanted = names.length === 0 ? { names: candidates, unknown: [] } : expandNames(names, candidates);
    for (const name of wanted.unknown) {
      this.#notChecked.push({
        name,
        code: 'PC400',
        reason: 'No table or sequence of the queue has this name.',
      });
    }
    const without = new Set(expandNames(except, candidates).names);
    return new Set(wanted.names.filter((name) => !without.has(name)));
  }

  #bind(tables: readonly ReplicatedTable[]): BoundTable[] {
    return tables.flatMap((table) => {
      const handler = tryToBindHandler(table.name, table.attrs, this.#options.handlers);
      if (handler instanceof ReplicateError) {
        this.#notChecked.push({ name: table.name, code: handler.code, reason: handler.message });
        return [];
      }
      return [{ table, handler }];
    });
  }

  async #ownHindrances(
    side: NodeSide,
    node: NodeInfo,
    bound: readonly BoundTable[],
    tables: readonly ReplicatedTable[],
    sequences: readonly { readonly name: string; readonly isLocal: boolean }[],
  ): Promise<readonly TableFacts[]> {
    const isRoot = node.nodeType === 'root';
    const connections = WORKER_SESSIONS + this.#options.parallelCopies;
    this.#findings.push(...databaseHindrances(side, { role: isRoot ? 'root' : 'target', connections }));
    await this.#capture(this.#local, node, new Set(bound.map(({ table }) => table.name)));
    return this.#tableHindrances(this.#local, side, isRoot ? 'root' : 'target', bound, tables, sequences);
  }

  async #tableHindrances(
    connection: Connection,
    { node, surroundings }: NodeSide,
    role: TableRole,
    bound: readonly BoundTable[],
    tables: readonly ReplicatedTable[],
    sequences: readonly { readonly name: string; readonly isLocal: boolean }[],
  ): Promise<readonly TableFacts[]> {
    const { queueName } = this.#options;
    const context = {
      node,
      role,
      queueName,
      ourRole: surroundings.ourRole,
      tablesHere: new Set(tables.filter(({ isLocal }) => isLocal).map(({ destTable }) => destTable)),
      sequencesHere: new Set(sequences.filter(({ isLocal }) => isLocal).map(({ name }) => name)),
    };
    const facts = await readTableFacts(
      connection,
      bound.filter(({ handler }) => handler.needsNoTable !== true).map(({ table }) => table),
    );
    this.#findings.push(...facts.flatMap((one) => tableHindrances(one, context)));
    return facts;
  }

  async #capture(connection: Connection, node: NodeInfo, names: ReadonlySet<string>): Promise<void> {
    if (node.nodeType !== 'root') return;
    const { queueName } = this.#options;
    const states = (await readCaptureStates(connection, queueName)).filter(({ tableName }) =>
      names.has(tableName),
    );
    this.#findings.push(...states.flatMap((state) => captureHindrances(state, node.nodeName, queueName)));
  }

  /** Sequences that are replicated and not there. */
  async #missingSequences(connection: Connection, node: string, names: readonly string[]): Promise<void> {
    const rows = await connection.query<{ name: string }>(
      `select t.name from unnest($1::text[]) as t(name)
        where not exists (select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
                           where c.relkind = 'S' and n.nspname || '.' || c.relname = t.name)`,
      [names],
    );
    for (const { name } of rows) {
      this.#findings.push({
        severity: 'blocks',
        what: 'sequence',
        difference: 'hindrance',
        table: null,
        object: `sequence ${name}`,
        node,
        message: `sequence ${name} is replicated and is not there on "${node}"`,
        mend: { node, statements: [`replicate INI remove-seq ${name}`] },
      });
    }
  }

  async #against(provider: ProviderSide, here: NodeSide, own: OwnObjects): Promise<void> {
    const { queueName, node, names, parallelCopies } = this.#options;
    const { connection: above } = provider;
    const tablesAbove = new Map((await readTables(above, queueName)).map((table) => [table.name, table]));
    const sequencesAbove = await readSequences(above, queueName);
    this.#notAdded(provider.node.nodeName, own, tablesAbove, sequencesAbove);
    const pairs = await this.#pairs(provider, own.bound, tablesAbove);
    const source = pairs.map(({ above: table, handlerAbove: handler }) => ({ table, handler }));
    const there: NodeSide = {
      node: provider.node.nodeName,
      surroundings: await readSurroundings(
        above,
        source.map(({ table }) => table.destTable),
      ),
    };
    const connections = WORKER_SESSIONS + parallelCopies;
    const role = provider.node.nodeType === 'root' ? 'root' : 'source';
    const ofProvider = databaseHindrances(there, { role, connections });
    this.#findings.push(...ofProvider.filter(({ severity }) => severity !== 'hint'));
    await this.#tableHindrances(above, there, 'source', source, [...tablesAbove.values()], sequencesAbove);
    await this.#capture(above, provider.node, new Set(pairs.map(({ pair }) => pair.tableName ?? '')));
    this.#findings.push(...compareSurroundings(there, here));
    const context: CompareContext = {
      there: there.node,
      here: node.nodeName,
      versionThere: above.serverVersion,
      target: await readTarget(this.#local),
      namesHere: new Map(
        pairs
          .filter(({ above: table, pair }) => table.destTable !== nameOf(pair.here))
          .map(({ pair }) => [nameOf(pair.there), pair.here]),
      ),
      sequences: new Set(own.localSequences),
      keptOff: await readKeptOff(this.#local),
      invalidIndexes: new Set(own.facts.flatMap(({ invalidIndexes }) => invalidIndexes)),
    };
    const everything = this.#options.everything && names.length === 0;
    const [sourceSchema, presentSchema] = await Promise.all([
      readSchema(above, everything ? undefined : pairs.map(({ pair }) => nameOf(pair.there))),
      readSchema(this.#local, everything ? undefined : pairs.map(({ pair }) => nameOf(pair.here))),
    ]);
    const candidates = compareDatabases(
      sourceSchema,
      presentSchema,
      { tables: pairs.map(({ pair }) => pair), sequences: own.localSequences.map(splitName), everything },
      context,
    );
    this.#findings.push(...(await withoutDoubts(this.#local, candidates)));
    await this.#missingSequences(above, there.node, own.localSequences);
  }

  /** What the queue has and this node does not. */
  #notAdded(
    provider: string,
    { ownTables, ownSequences }: OwnObjects,
    tablesAbove: ReadonlyMap<string, ReplicatedTable>,
    sequencesAbove: readonly { readonly name: string; readonly isLocal: boolean }[],
  ): void {
    const node = this.#options.node.nodeName;
    const add = (what: 'table' | 'sequence', name: string, verb: string) =>
      void this.#findings.push({
        severity: 'differs',
        what,
        difference: 'missing',
        table: what === 'table' ? name : null,
        object: `${what} ${name}`,
        node,
        message: `${what} ${name} is replicated on "${provider}" and not on "${node}"; where that is meant, --except=${name} leaves it out`,
        mend: { node, statements: [`replicate INI ${verb} ${name}`] },
      });
    for (const { name, isLocal } of ownTables) {
      if (!isLocal && tablesAbove.get(name)?.isLocal === true) add('table', name, 'add-table');
    }
    const there = new Set(sequencesAbove.filter(({ isLocal }) => isLocal).map(({ name }) => name));
    for (const { name, isLocal } of ownSequences)
      if (!isLocal && there.has(name)) add('sequence', name, 'add-seq');
  }

  /** The tables that both nodes should have, with what this node's handlers make of them. */
  async #pairs(
    { connection, node }: ProviderSide,
    bound: readonly BoundTable[],
    tablesAbove: ReadonlyMap<string, ReplicatedTable>,
  ): Promise<PairedTable[]> {
    const { queueName } = this.#options;
    const found = bound.flatMap(({ table, handler }) => {
      // What is here is not the provider's table, by this node's own set-up.
      if (handler.needsNoTable === true || handler.name === applyfn.name) return [];
      const above = tablesAbove.get(table.name);
      if (above?.isLocal !== true) {
        this.#findings.push({
          severity: 'blocks',
          what: 'table',
          difference: 'extra',
          table: table.name,
          object: `table ${table.name}`,
          node: node.nodeName,
          message: `table ${table.name} is replicated on "${this.#options.node.nodeName}" and not on its provider "${node.nodeName}": it cannot be copied nor compared`,
          mend: { node: node.nodeName, statements: [`replicate INI add-table ${table.name}`] },
        });
        return [];
      }
      const handlerAbove = tryToBindHandler(table.name, above.attrs, ELSEWHERE);
      if (handlerAbove instanceof ReplicateError) {
        this.#notChecked.push({ name: table.name, code: handlerAbove.code, reason: handlerAbove.message });
        return [];
      }
      return handlerAbove.needsNoTable === true ? [] : [{ table, handler, above, handlerAbove }];
    });
    const oids = await connection.query<{ name: string; oid: number }>(
      `select t.name, c.oid
         from unnest($1::text[]) as t(name)
         join pg_namespace as n on n.nspname = left(t.name, strpos(t.name, '.') - 1)
         join pg_class as c on c.relnamespace = n.oid and c.relname = substr(t.name, strpos(t.name, '.') + 1)`,
      [found.map(({ above }) => above.destTable)],
    );
    const oidOf = new Map(oids.map(({ name, oid }) => [name, oid]));
    const ignored = await readIgnoredColumns(connection, queueName, [...oidOf.values()]);
    return found.map(({ table, handler, above, handlerAbove }) => ({
      above,
      handlerAbove,
      pair: {
        tableName: table.name,
        there: splitName(above.destTable),
        here: splitName(table.destTable),
        handler,
        ignored: ignored.get(oidOf.get(above.destTable) ?? 0) ?? new Set(),
      },
    }));
  }
}

interface BoundTable {
  readonly table: ReplicatedTable;
  readonly handler: BoundHandler;
}

interface PairedTable {
  readonly pair: TablePair;
  readonly above: ReplicatedTable;
  readonly handlerAbove: BoundHandler;
}

interface OwnObjects {
  readonly ownTables: readonly ReplicatedTable[];
  readonly ownSequences: readonly { readonly name: string; readonly isLocal: boolean }[];
  readonly bound: readonly BoundTable[];
  readonly localSequences: readonly string[];
  readonly facts: readonly TableFacts[];
}

const RANKS = { blocks: 0, differs: 1, hint: 2 } as const;

/** What is of the database first, then table by table; in each what blocks first. The same thing said twice is said once. */
function inOrder(findings: readonly Finding[], tables: readonly string[]): Finding[] {
  const places = new Map(tables.map((name, index) => [name, index]));
  const place = ({ table }: Finding) => (table === null ? -1 : (places.get(table) ?? tables.length));
  const seen = new Set<string>();
  return findings
    .filter(({ node, message }) => !seen.has(`${node} ${message}`) && seen.add(`${node} ${message}`))
    .toSorted((a, b) => place(a) - place(b) || RANKS[a.severity] - RANKS[b.severity]);
}
