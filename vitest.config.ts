import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose files take turns in one process: it loads what they test once, and starts each server once. */
const IN_ONE_PROCESS = ['integration', 'sql', 'unit'];

/** The files that take longest come first, so that no worker is left alone with one at the end; then folder by folder. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) =>
      moduleId.includes('/test/torture/') ? -1 : 1 + IN_ONE_PROCESS.indexOf(project.name);
    // The order within a folder stays.
    return (await super.sort(files)).toSorted((one, other) => rank(one) - rank(other));
  }
}

function project(
  name: string,
  test: { include: string[]; exclude?: string[]; isolate: boolean },
): TestProjectInlineConfiguration {
  return { test: { name, testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks', ...test } };
}

const folders = IN_ONE_PROCESS.map((name) => `test/${name}/**/*.test.ts`);

export default defineConfig({
  test: {
    globalSetup: ['test/support/build-once.ts'],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      project('whole', { include: ['test/**/*.test.ts'], exclude: folders, isolate: true }),
      ...IN_ONE_PROCESS.map((name, at) =>
        project(name, { include: [folders[at] as string], isolate: false }),
      ),
    ],
  },
});
