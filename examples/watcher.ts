// Prints every trade of some symbols, and says what is missing.
//   ./tapeline node examples/watcher.ts ws://localhost:8000 AAPL MSFT

// In a program of your own: from '@tapeline/client'.
import { connect } from '../client/index.ts';

const [url = 'ws://localhost:8000', ...symbols] = process.argv.slice(2);
const client = connect(url);
client.onState((state) => {
  if (state.status === 'waiting') console.error(`${state.why} Trying again.`);
});

const trades = client.subscribe({
  stream: 'trades',
  symbols: symbols.length > 0 ? symbols : '*',
});

for await (const message of trades) {
  switch (message.type) {
    case 'trade':
      console.log(message.time, message.symbol, message.price, message.size);
      break;
    case 'gap':
      console.log(`missing: ${message.from} to ${message.to} (${message.reason})`);
      break;
    case 'snapshot': // the newest trade of each symbol
    case 'skip': // only with the policy "skip"
      break;
  }
}
