/**
 * A property as it is, where the build wrote its name short: `shortenProps` in build.mjs.
 * @param {[string, unknown]} entry
 * @returns {[string, unknown]}
 */
export function readProp([name, value]) {
  if (name === "k") return ["class", `gscope-${value}`];
  return [name === "l" ? "aria-label" : name, value];
}
