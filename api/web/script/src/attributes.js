// What elements say about themselves, for the core and the extras.

// data-warroom-sequence="quickstart" data-warroom-step="2" … as fields of an event; step, steps and value_cents are numbers.
export const read = (element) => {
  const fields = {};
  [...element.attributes].map(({ name, value }) => {
    name = name.split("warroom-")[1];
    if (value && name != "done" && name > "cm") fields[name] = /st|_/.test(name) ? +value : value;
  });
  return fields;
};
