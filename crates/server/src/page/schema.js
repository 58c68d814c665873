// JSON Schemas that a form can show: an object of named fields of simple types. Plain data, no DOM here.

/** Types as the form names them: label, and the schema of a field. */
export const TYPES = {
  text: ['Text', () => ({ type: 'string' })],
  number: ['Number', () => ({ type: 'number' })],
  integer: ['Whole number', () => ({ type: 'integer' })],
  boolean: ['Yes or no', () => ({ type: 'boolean' })],
  choice: ['One of', (choices) => ({ type: 'string', enum: choices })],
  texts: ['List of texts', () => ({ type: 'array', items: { type: 'string' } })],
  numbers: ['List of numbers', () => ({ type: 'array', items: { type: 'number' } })],
};

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** The schema of these fields; those without a name are left out. */
export function schemaOf(fields) {
  const named = fields.filter((field) => field.name.trim() !== '');
  const property = ({ type, choices, description }) => ({ ...TYPES[type][1](choices), ...(description && { description }) });
  return {
    type: 'object',
    properties: Object.fromEntries(named.map((field) => [field.name.trim(), property(field)])),
    required: named.filter((field) => field.isRequired).map((field) => field.name.trim()),
    additionalProperties: false,
  };
}

/** The fields of a schema; null if it says more than the form can. */
export function fieldsOf(schema) {
  const properties = Object.entries(schema?.properties ?? {});
  const fields = properties.map(([name, property]) => {
    const { description = '', ...rest } = property ?? {};
    const choices = Array.isArray(rest.enum) ? rest.enum.filter((value) => typeof value === 'string') : [];
    const type = Object.keys(TYPES).find((key) => same(TYPES[key][1](choices), rest));
    return type && { name, type, choices, description, isRequired: (schema.required ?? []).includes(name) };
  });
  if (fields.includes(undefined)) return null;
  const plain = { type: 'object', properties: schema.properties, required: fields.filter((f) => f.isRequired).map((f) => f.name), additionalProperties: false };
  const given = { ...schema, required: schema.required ?? [], additionalProperties: schema.additionalProperties ?? false };
  const isPlain = Object.keys(plain).every((key) => key === 'required' || same(plain[key], given[key])) && Object.keys(given).every((key) => key in plain);
  return isPlain ? fields : null;
}

/** A schema out of what was typed; the error says what is wrong with it. */
export function parseSchema(text) {
  let schema;
  try {
    schema = JSON.parse(text);
  } catch (error) {
    throw new Error(`not JSON (${error.message})`);
  }
  if (schema === null || typeof schema !== 'object' || Array.isArray(schema)) throw new Error('must be a JSON object');
  return schema;
}
