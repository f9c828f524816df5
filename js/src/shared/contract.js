import contract from "../../contract.json" with { type: "json" };

/**
 * @typedef {object} Schema the part of JSON Schema that both sides check
 * @property {string} [type] absent of objects
 * @property {unknown} [const]
 * @property {unknown[]} [enum]
 * @property {Schema[]} [anyOf]
 * @property {Record<string, Schema>} [properties]
 * @property {string[]} [required] absent where all properties are
 * @property {Schema} [additionalProperties]
 * @property {Schema} [items]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [maxLength] characters
 */
/**
 * What a widget and Python agree on.
 * @typedef {object} Agreement
 * @property {string} title
 * @property {string[]} settings
 * @property {Record<string, { schema: Schema }>} traits
 * @property {Record<string, { schema: Schema }>} to_page
 */
/** @typedef {{ path: string, wanted: string, found: unknown }} Fault */
/** @typedef {keyof typeof contract.widgets} WidgetName */

/** The version that a view is built with; how far settings reach, as Python has it. */
export const { version, limits } = contract;

/**
 * @param {WidgetName} name
 * @returns {Agreement}
 */
export function agreementOf(name) {
  return /** @type {any} */ (contract.widgets[name]);
}

const kinds = /** @type {Record<string, [string, (value: any) => boolean]>} */ ({
  string: ["a string", (value) => typeof value === "string"],
  integer: ["a whole number", Number.isInteger],
  number: ["a number", Number.isFinite],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  null: ["null", (value) => value === null],
  array: ["a list", Array.isArray],
  object: ["an object", (value) => typeof value === "object" && value !== null && !Array.isArray(value)],
});

/** @param {Schema} schema */
const kindOf = ({ type, items }) => kinds[type ?? (items ? "array" : "object")];

/**
 * What a schema asks for, in words.
 * @param {Schema} schema
 * @returns {string}
 */
function describe(schema) {
  if (schema.anyOf) return schema.anyOf.map(describe).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return `one of ${schema.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  const from = schema.minimum === undefined ? "" : ` from ${schema.minimum}`;
  const to = schema.maximum === undefined ? "" : ` to ${schema.maximum}`;
  const length = schema.maxLength === undefined ? "" : ` of at most ${schema.maxLength} characters`;
  return `${kindOf(schema)[0]}${from}${to}${length}`;
}

/**
 * @param {Schema} schema
 * @param {any} value
 */
function fits(schema, value) {
  if ("const" in schema) return value === schema.const;
  if (schema.enum) return schema.enum.includes(value);
  if (!kindOf(schema)[1](value)) return false;
  if (typeof value === "string") return Array.from(value).length <= (schema.maxLength ?? Infinity);
  return typeof value !== "number" || (value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity));
}

/**
 * @param {Schema} schema
 * @param {Record<string, unknown>} value
 * @param {string} path
 * @returns {Fault | null}
 */
function findInObject({ properties, required = Object.keys(properties ?? {}), additionalProperties }, value, path) {
  const missing = required.filter((name) => !Object.hasOwn(value, name));
  if (missing.length) return { path, wanted: `an object with ${missing.join(", ")}`, found: value };
  for (const [name, item] of Object.entries(value)) {
    const schema = properties && Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    const where = path ? `${path}.${name}` : name;
    if (!schema && properties) return { path: where, wanted: "left out: there is no such field", found: item };
    const fault = schema ? findFault(schema, item, where) : null;
    if (fault) return fault;
  }
  return null;
}

/**
 * Where a value first differs from a schema; null where it fits.
 * @param {Schema} schema
 * @param {any} value
 * @param {string} [path]
 * @returns {Fault | null}
 */
export function findFault(schema, value, path = "") {
  if (schema.anyOf) {
    const faults = schema.anyOf.map((one) => findFault(one, value, path));
    if (faults.includes(null)) return null;
    return faults.find((fault) => fault?.path !== path) ?? { path, wanted: describe(schema), found: value };
  }
  if (!fits(schema, value)) return { path, wanted: describe(schema), found: value };
  if (schema.properties || schema.additionalProperties) return findInObject(schema, value, path);
  if (!schema.items) return null;
  for (const [at, item] of value.entries()) {
    if (findFault(schema.items, item)) return findFault(schema.items, item, `${path}[${at}]`);
  }
  return null;
}

/**
 * A fault as a sentence; empty where there is none.
 * @param {string} name what was checked: "the kernel's result"
 * @param {Fault | null} fault
 */
export function faultText(name, fault) {
  if (!fault) return "";
  const shown = JSON.stringify(fault.found) ?? String(fault.found);
  const got = shown.length > 60 ? `${shown.slice(0, 60)}\u2026` : shown;
  return `${name}${fault.path ? `: ${fault.path}` : ""} must be ${fault.wanted}, got ${got}.`;
}
