// Walks the community's JavaScript client through a bank; run by test_other_clients.py.
// Arguments: the bank's address and an API key. Nothing of the client is changed but where the
// sandbox is; it signs and verifies with a library of its own.
const [url, apiKey] = process.argv.slice(2);
const name = "@bunq-community/bunq-js-client";
require(`${name}/dist/Session.js`).URL_ENVIROMENTS.SANDBOX = url.replace(/\/v1$/, "");
const BunqJSClient = require(name).default;

const kept = {};
const store = {
  get: (key) => kept[key],
  set: (key, value) => { kept[key] = value; },
  remove: (key) => { delete kept[key]; },
};
const silent = { log() {}, debug() {}, trace() {}, info() {}, warn() {}, error() {} };

async function walk() {
  const client = new BunqJSClient(store, silent);
  await client.run(apiKey, [], "SANDBOX", "00112233445566778899aabbccddeeff");
  await client.install();
  await client.registerDevice("interop");
  await client.registerSession();
  const user = Object.values(await client.api.user.list())[0];
  const accounts = await client.api.monetaryAccountBank.list(user.id);
  const account = accounts[accounts.length - 1].MonetaryAccountBank;
  const amount = { value: "1.00", currency: "EUR" };
  const bravo = { type: "EMAIL", value: "bravo@bunq.com" };
  const paid = await client.api.payment.post(user.id, account.id, "a / b", amount, bravo);
  const [newest] = await client.api.payment.list(user.id, account.id, { count: 1 });
  return { paid: paid[0].Id.id, newest: newest.Payment };
}

walk().then(
  (told) => { process.stdout.write(JSON.stringify(told)); process.exit(0); },
  (error) => {
    process.stderr.write(String(error.response ? JSON.stringify(error.response.data) : error.stack));
    process.exit(1);
  },
);
