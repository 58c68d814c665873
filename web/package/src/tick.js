// Lets waiting messages through, without the delay that timers have.

const channel = new MessageChannel();
/** @type {(() => void)[]} */
const waiting = [];
channel.port1.onmessage = () => {
  // It must not keep a process of Node.js alive that has nothing else to do.
  if (waiting.length === 1) /** @type {any} */ (channel.port1).unref?.();
  waiting.shift()?.();
};
/** @type {any} */ (channel.port1).unref?.();

/** @returns {Promise<void>} */
export function tick() {
  return new Promise((resolve) => {
    waiting.push(resolve);
    /** @type {any} */ (channel.port1).ref?.();
    channel.port2.postMessage(null);
  });
}
