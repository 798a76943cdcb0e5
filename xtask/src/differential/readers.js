// Reads messages with llhttp, the parser inside node. Lines of JSON in and out, as readers.py.
'use strict';
process.removeAllListeners('warning');
const { HTTPParser } = process.binding('http_parser');
const { METHODS } = require('http');
const methods = require('_http_common').methods || METHODS;

const pairs = (flat) => {
  const list = [];
  for (let at = 0; at < flat.length; at += 2) {
    list.push([flat[at].toLowerCase(), flat[at + 1].replace(/^[ \t]+|[ \t]+$/g, '')]);
  }
  return list;
};

// node's parser skips nothing but what a request to HEAD leaves out; it is told so by its caller.
const read = (kind, data, asked) => {
  const parser = new HTTPParser();
  const messages = [];
  let open = null;
  let earlier = [];
  let switched = false;
  let unknown = false;
  parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, 1 << 24);
  // A long head comes in parts, the target with one of the first.
  let target = '';
  parser[HTTPParser.kOnHeaders | 0] = (flat, part) => {
    earlier = earlier.concat(flat);
    target += part;
  };
  parser[HTTPParser.kOnHeadersComplete | 0] =
    (major, minor, flat, method, url, status, reason, upgrade) => {
      const all = pairs(flat || earlier);
      const whole = url === undefined ? target : url;
      unknown = unknown || (kind === 'request' && methods[method] === undefined);
      const start = kind === 'request' ? `${methods[method]} ${whole}` : String(status);
      open = { start, fields: all, body: '' };
      earlier = [];
      target = '';
      if (kind === 'request') {
        // As for the other readers: what asks for another protocol ends the requests.
        if (all.some(([name]) => name === 'upgrade')) {
          switched = true;
          return 2;
        }
        return 0;
      }
      if (status === 101) {
        switched = true;
        return 2;
      }
      const finals = messages.filter((message) => Number(message.start) >= 200).length;
      return asked[finals] === 'HEAD' ? 1 : 0;
    };
  parser[HTTPParser.kOnBody | 0] = (piece) => {
    open.body += piece.toString('hex');
  };
  parser[HTTPParser.kOnMessageComplete | 0] = () => {
    if (open !== null) messages.push(open);
    open = null;
    earlier = [];
  };
  const fault = parser.execute(data);
  if (unknown) return { messages: [], end: 'error: a method this node has no name for' };
  if (switched) {
    if (open !== null) messages.push(open);
    return { messages, end: 'switched' };
  }
  if (fault instanceof Error) return { messages, end: `error: ${fault.code} ${fault.reason}` };
  const last = parser.finish();
  if (last instanceof Error || open !== null) return { messages, end: 'incomplete' };
  return { messages, end: 'clean' };
};

require('readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const asked = JSON.parse(line);
    const data = Buffer.from(asked.bytes, 'hex');
    console.log(JSON.stringify({ llhttp: read(asked.kind, data, asked.methods) }));
  });
