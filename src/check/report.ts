import type { ExitCode } from '../errors/catalogue.js';
import type { CheckResult } from './check-node.js';
import type { Finding, Severity } from './finding.js';

const WORDS: Readonly<Record<Severity, string>> = { blocks: 'BLOCKS', differs: 'differs', hint: 'hint' };

/** The findings for a person, table by table: what, where, and the statement that mends it. */
export function checkLines({ findings, notChecked }: CheckResult): string[] {
  const lines: string[] = [];
  let last: string | null | undefined;
  for (const finding of findings) {
    if (finding.table !== last) lines.push(finding.table ?? 'Database');
    last = finding.table;
    lines.push(...findingLines(finding));
  }
  for (const { name, reason, code } of notChecked) lines.push(`${name}: NOT CHECKED: ${reason} (${code})`);
  return lines;
}

function findingLines({ severity, message, mend }: Finding): string[] {
  const lines = [`  ${WORDS[severity].padEnd(7)}  ${message}`];
  for (const statement of mend?.statements ?? []) {
    const [first = '', ...more] = statementText(statement).split('\n');
    lines.push(`           on "${mend?.node}": ${first}`, ...more.map((line) => `             ${line}`));
  }
  return lines;
}

/** SQL ends with a semicolon, a command does not. */
function statementText(statement: string): string {
  return statement.startsWith('replicate ') ? statement : `${statement};`;
}

/** The last line: what was looked at, and how it stands. */
export function checkSummary(result: CheckResult): string {
  const { node, provider, tables, sequences, notChecked } = result;
  const counts = countFindings(result);
  const what = `${counted(tables, 'table')} and ${counted(sequences, 'sequence')} of "${node}" checked`;
  const against = provider === null ? '' : ` against "${provider}"`;
  const hints = counts.hint === 0 ? '' : `, ${counted(counts.hint, 'hint')}`;
  const names =
    notChecked.length === 0
      ? ''
      : `, ${notChecked.length} not checked (${notChecked.map(({ name }) => name).join(', ')})`;
  if (counts.blocks + counts.differs === 0) {
    const good = provider === null ? 'nothing is in the way' : 'nothing blocks and nothing differs';
    return `${what}${against}: ${notChecked.length === 0 ? good : '0 block, 0 differ'}${hints}${names}`;
  }
  return `${what}${against}: ${counts.blocks} block, ${counts.differs} differ${hints}${names}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * 0 only when everything that was asked for was looked at, nothing blocks and nothing differs; 2 when something does, which nothing else can
 * change; 3 when something could not be looked at. Hints do not count.
 */
export function checkExitCode(result: CheckResult): ExitCode {
  const { blocks, differs } = countFindings(result);
  if (blocks + differs > 0) return 2;
  return result.notChecked.length > 0 ? 3 : 0;
}

/** The whole result for a program. */
export function checkJson(result: CheckResult): unknown {
  const { node, provider, tables, sequences, findings, notChecked } = result;
  const counts = countFindings(result);
  return {
    node,
    provider,
    tables,
    sequences,
    blocks: counts.blocks,
    differs: counts.differs,
    hints: counts.hint,
    findings: findings.map((finding) => ({
      severity: finding.severity,
      what: finding.what,
      difference: finding.difference,
      table: finding.table,
      object: finding.object,
      node: finding.node,
      message: finding.message,
      mend:
        finding.mend === undefined
          ? null
          : { node: finding.mend.node, statements: finding.mend.statements.map(statementText) },
    })),
    notChecked,
  };
}

function countFindings({ findings }: CheckResult): Readonly<Record<Severity, number>> {
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  return { blocks: count('blocks'), differs: count('differs'), hint: count('hint') };
}
