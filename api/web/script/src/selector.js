// Where an element is, in words that survive a change of text: from the nearest id, or up to five levels.

export const selectorOf = (element, level) => {
  const { localName, parentElement } = element;
  const id = element.getAttribute("id"); // a form's .id may be a field of that name
  const nth = [...parentElement?.children || []].filter((child) => child.localName == localName).indexOf(element);
  return id ? "#" + id : (parentElement && !(level > 3) ? selectorOf(parentElement, -~level) + ">" : "")
    + localName + (nth > 0 ? `:nth-of-type(${nth + 1})` : "");
};
