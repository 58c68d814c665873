// The message field: what is typed, which message is being edited, and the draft that stays with its conversation.

import { byId } from './dom.js';
import { draftOf, keepDraft } from './drafts.js';

export class Composer {
  /** The message being edited. */
  #edited = null;
  /** The conversation whose draft stands in the field; null for the new one, undefined before any was shown. */
  #id = undefined;

  /** What stood beside the field before a message was edited. */
  #filesBefore = [];

  /** `send()`, `stop()`, `editLast()` and `typed(text)` are the page's; `attachments` are what stands beside the field. */
  constructor({ send, stop, editLast, typed }, attachments) {
    this.attachments = attachments;
    this.field = byId('field');
    this.actions = { send, stop, editLast, typed };
    this.field.addEventListener('keydown', (event) => this.#key(event));
    this.field.addEventListener('input', () => this.#changed());
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      send();
    });
    byId('stop').addEventListener('click', () => {
      stop();
      this.focus();
    });
    byId('cancel-edit').addEventListener('click', () => {
      this.cancelEdit();
      this.focus();
    });
  }

  get text() {
    return this.field.value.trim();
  }

  get edited() {
    return this.#edited;
  }

  focus() {
    this.field.focus();
  }

  /** Shows the draft of a conversation, which has no name yet if it is new. */
  show(conversation) {
    const id = conversation.messages.length > 0 ? conversation.id : null;
    if (this.#edited) this.#leaveEdit();
    else if (this.#id !== undefined) keepDraft(this.#id, this.field.value);
    this.attachments.switchTo(conversation);
    this.#id = id;
    this.#set(draftOf(id));
  }

  /** What was typed is sent: the draft is over, and the next one belongs to the conversation `id`. */
  sent(id) {
    if (this.#edited) {
      // The draft that stood there before is still one.
      this.cancelEdit();
    } else {
      keepDraft(this.#id, '');
      this.#set('');
      this.attachments.replace([]);
    }
    this.#id = id;
  }

  edit(message) {
    if (!this.#edited) this.#filesBefore = this.attachments.files;
    this.#edited = message;
    this.attachments.replace(message.attachments ?? []);
    byId('editing').hidden = false;
    this.#set(message.content);
    this.focus();
  }

  cancelEdit() {
    if (!this.#edited) return;
    this.#leaveEdit();
    this.#set(draftOf(this.#id));
  }

  #leaveEdit() {
    this.#edited = null;
    byId('editing').hidden = true;
    this.attachments.replace(this.#filesBefore);
  }

  #set(text) {
    this.field.value = text;
    this.#fit();
    this.actions.typed(text);
  }

  #changed() {
    this.#fit();
    if (!this.#edited) keepDraft(this.#id, this.field.value);
    this.actions.typed(this.field.value);
  }

  #key(event) {
    if (event.isComposing) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.actions.send();
    } else if (event.key === 'ArrowUp' && this.field.value === '' && this.actions.editLast()) {
      event.preventDefault();
    }
  }

  // Browsers that cannot size a field by its content yet.
  #fit() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.field.style.height = 'auto';
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
