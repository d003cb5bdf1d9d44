// Node 20 knows no proxy variables.
const https = require('https');
const headers = { Authorization: process.env.AUTH };
function raw(host, agent) {
  return new Promise((done) => {
    const r = https.request({ host, method: 'PUT', path: '/', headers, agent }, (res) => {
      res.on('data', (d) => process.stdout.write(d));
      res.on('end', done);
    });
    r.on('error', (e) => { console.log('error', e.message); done(); });
    r.end();
  });
}
(async () => {
  await raw('acme-node-https.s3.us-east-1.amazonaws.com');
  // as aws-sdk-js-v3's NodeHttpHandler
  const agent = new https.Agent({ keepAlive: true, maxSockets: 50 });
  await raw('acme-node-sdk.s3.us-east-1.amazonaws.com', agent);
  agent.destroy();
  try {
    const r = await fetch('https://acme-node-fetch.s3.us-east-1.amazonaws.com/', { method: 'PUT', headers });
    console.log(await r.text());
  } catch (e) { console.log('error', e.message, e.cause); }
})();
