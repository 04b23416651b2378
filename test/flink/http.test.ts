import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { Failure } from '../../src/base/failure.ts';
import { causeIn, exchange } from '../../src/flink/http.ts';

/** As the gateway of Flink 2.2.1 answers a statement that names a table it does not know. */
const trace = `<Exception on server side:
org.apache.flink.table.gateway.api.utils.SqlGatewayException: Failed to fetchResults.
\tat org.apache.flink.table.gateway.rest.handler.FetchResultsHandler.handleRequest(F.java:96)
Caused by: org.apache.flink.table.api.ValidationException: SQL validation failed. From line 1
\tat org.apache.flink.table.planner.calcite.FlinkPlannerImpl.validate(FlinkPlannerImpl.scala:224)
\t... 7 more
Caused by: org.apache.calcite.sql.validate.SqlValidatorException: Object 'trades' not found
\tat java.base/jdk.internal.reflect.Constructor.newInstance(Constructor.java:500)
\t... 27 more

End of exception on server side>`;

async function answering(t: TestContext, status: number, body: string): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  t.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function failure(code: Failure['code'], message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

suite('what Flink answers', () => {
  test('is told by its root cause, without the trace', () => {
    assert.equal(
      causeIn(JSON.stringify({ errors: ['Internal', trace] })),
      "Object 'trades' not found",
    );
    const single = 'java.io.IOException: disk full\n\tat org.apache.flink.X.y(X.java:1)';
    assert.equal(causeIn(single), 'disk full');
    assert.equal(causeIn('{"errors":["Job not found."]}'), 'Job not found.');
    assert.equal(causeIn('<html>Bad Gateway</html>'), '<html>Bad Gateway</html>');
  });

  test('is a Failure with that cause when it refuses', async (t) => {
    const url = await answering(t, 500, JSON.stringify({ errors: [trace] }));
    const refused = failure('flink-refused', /\(500\): Object 'trades' not found$/);
    await assert.rejects(exchange('FLINK_REST_URL', url), refused);
  });

  test('is a Failure when it is no JSON', async (t) => {
    const url = await answering(t, 200, '<html>a proxy</html>');
    await assert.rejects(exchange('FLINK_REST_URL', url), failure('flink-refused', /a proxy/));
  });

  test('is a Failure that names the setting where nobody answers', async () => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    const silent = failure('flink-unavailable', /ECONNREFUSED/);
    await assert.rejects(exchange('FLINK_REST_URL', `http://127.0.0.1:${port}`), silent);
  });
});
