// Where things are on the screen, told by an observer: nothing here makes the browser lay out the page.

export const onScreen = (elements) => new Promise((resolve) => {
  if (!elements.length) return resolve([]);
  const observer = new IntersectionObserver((entries) => {
    observer.disconnect();
    resolve(entries);
  });
  for (const element of elements) observer.observe(element);
});

// Hidden, in an open step of a tutorial, or typing: not the moment for a question.
export async function isBusy() {
  if (document.hidden) return true;
  const steps = await onScreen([...document.querySelectorAll("[data-warroom-step]:not([data-warroom-done])")]);
  const field = document.activeElement;
  return steps.some(fillsScreen) || (field && (field.isContentEditable
    || field.matches("textarea, input:not([type=checkbox],[type=radio],[type=button],[type=submit],[type=reset])")));
}

const fillsScreen = ({ intersectionRatio, intersectionRect, rootBounds }) =>
  intersectionRatio >= 0.5 || (rootBounds && intersectionRect.height >= rootBounds.height / 2);
