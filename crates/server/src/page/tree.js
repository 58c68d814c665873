// A conversation as a tree: each message names the one that it answers, and `leaf` is the end of the branch that is shown.
//
// Messages stand in the order in which they were made, so a parent stands before its children. No DOM here.

/** A name that no other message has. randomUUID is missing where the page comes over plain HTTP from another machine. */
export function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Makes a tree of a conversation that was kept as a list: each message follows the one before. A tree stays as it is. */
export function asTree(conversation) {
  let last = null;
  for (const [index, message] of conversation.messages.entries()) {
    if (typeof message.id !== 'string') {
      // The same name wherever it is worked out, so that two tabs mean the same message.
      message.id = `m${index}`;
      message.parent = last;
    }
    last = message.id;
  }
  if (!conversation.messages.some((message) => message.id === conversation.leaf)) conversation.leaf = last;
  return conversation;
}

/** The messages from the first to the end of the branch that is shown, or to `leaf`. */
export function path({ messages, leaf }, end = leaf) {
  const named = new Map(messages.map((message) => [message.id, message]));
  const found = [];
  for (let at = named.get(end); at && found.length < messages.length; at = named.get(at.parent)) found.push(at);
  return found.reverse();
}

/** The messages that answer the same one: this one and what was said in its place. */
export function siblings({ messages }, message) {
  return messages.filter((other) => other.parent === message.parent);
}

/** Adds a message below `parent`, and shows its branch. */
export function append(conversation, message, parent = conversation.leaf) {
  message.id ??= newId();
  message.parent = parent ?? null;
  conversation.messages.push(message);
  conversation.leaf = message.id;
  return message;
}

/** Takes out a message that nothing answers. */
export function detach(conversation, message) {
  conversation.messages.splice(conversation.messages.indexOf(message), 1);
  if (conversation.leaf === message.id) conversation.leaf = message.parent;
}

/** Shows the branch of `message`, down to what was said last there. */
export function choose(conversation, message) {
  const below = new Set([message.id]);
  conversation.leaf = message.id;
  for (const other of conversation.messages) {
    if (!below.has(other.parent)) continue;
    below.add(other.id);
    conversation.leaf = other.id;
  }
}

/** Is `leaf` the end of a branch that goes through `id`? */
const goesThrough = (conversation, leaf, id) => path(conversation, leaf).some((message) => message.id === id);

/**
 * Takes up what another tab has kept of the same conversation, all but the message `running`, which is written here.
 * The branch that is shown stays, and grows where the other tab went on with it. `stored` is a tree already.
 */
export function absorb(conversation, stored, running = null) {
  const known = new Map(conversation.messages.map((message) => [message.id, message]));
  const { messages, leaf, ...fields } = stored;
  Object.assign(conversation, fields);
  for (const message of messages) {
    const ours = known.get(message.id);
    if (ours === running && ours && !ours.content.startsWith(message.content)) part(conversation, ours);
    if (!ours || ours.id !== message.id) conversation.messages.push(message);
    else if (ours !== running) Object.assign(ours, message);
  }
  const kept = new Set(messages.map((message) => message.id));
  // A failure that was tried again elsewhere is gone; anything else that is not there is not kept yet.
  conversation.messages = conversation.messages.filter((message) => kept.has(message.id) || message === running || !isVoid(message));
  // The order in which they were kept is the same in all tabs.
  const order = new Map(messages.map((message, index) => [message.id, index]));
  const placeOf = ({ id }) => order.get(id) ?? messages.length;
  conversation.messages.sort((a, b) => placeOf(a) - placeOf(b));
  if (!running && goesThrough(conversation, leaf, conversation.leaf)) conversation.leaf = leaf;
}

/** Another tab went on with the same reply: ours becomes another version of it. */
function part(conversation, ours) {
  const isShown = conversation.leaf === ours.id;
  ours.id = newId();
  if (isShown) conversation.leaf = ours.id;
}

/** Nothing was said: what a reply is before its first piece, and a failure that has been tried again. */
export const isVoid = (message) => message.role === 'assistant' && !message.content && !message.reasoning && !message.tool_calls?.length;
