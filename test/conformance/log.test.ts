import { type EmbeddedLog, openEmbeddedLog } from '../../src/log/log-embedded.ts';
import { testLog } from './log-suite.ts';

const logger = { warn: () => undefined };
const embedded = import.meta.resolve('../../src/log/log-embedded.ts');
const clocks = import.meta.resolve('../../src/base/clock.ts');
const imports = `
  const { openEmbeddedLog } = await import('${embedded}');
  const { systemClock: clock } = await import('${clocks}');
  const logger = { warn: () => undefined };`;

testLog({
  name: 'embedded',
  open: (folder, clock) => openEmbeddedLog({ folder, clock, logger }),
  openingElsewhere: (folder) => `${imports}
    const log = await openEmbeddedLog({ folder: '${folder}', clock, logger });`,
  openingBeside: (folder, log) => ({
    code: `${imports}
      const signal = workerData;
      const options = { folder: '${folder}', clock, logger, signal, readOnly: true };
      const log = await openEmbeddedLog(options);`,
    data: (log as EmbeddedLog).signal,
  }),
  sharesState: true,
  runs: 40,
});
