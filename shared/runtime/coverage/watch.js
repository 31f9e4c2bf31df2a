// Runs before anything of the page: keeps what would be sent, and nothing that is used leads away from the page.
(() => {
  const kept = (window.__warroomCoverage = { bodies: [], uses: null });
  const keep = (body) => {
    if (typeof body === "string") kept.bodies.push(body);
    else if (body instanceof Blob) body.text().then((text) => kept.bodies.push(text));
    else if (body instanceof URLSearchParams) kept.bodies.push(body.toString());
  };
  navigator.sendBeacon = (_url, body) => { keep(body); return true; };
  const fetchReally = window.fetch;
  window.fetch = (input, options = {}) => {
    const method = (options.method || (input instanceof Request ? input.method : "GET")).toUpperCase();
    if (method === "GET" || method === "HEAD") return fetchReally.call(window, input, options);
    if (options.body === undefined && input instanceof Request) input.clone().text().then(keep);
    else keep(options.body);
    return Promise.resolve(Response.json({ id: "coverage" })); // as when it was stored
  };
  XMLHttpRequest.prototype.send = new Proxy(XMLHttpRequest.prototype.send, {
    apply(send, request, [body]) {
      if (body !== undefined && body !== null) keep(body);
      return Reflect.apply(send, request, [body]);
    },
  });
  window.open = () => null;
  window.print = () => {};
  window.alert = () => {};
  window.confirm = () => false;
  window.prompt = () => null;
  // On the document: the script listens on the window and has heard of it by then, the page's own handlers come later.
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("a[href], area[href]")) event.preventDefault();
  }, true);
  document.addEventListener("auxclick", (event) => event.preventDefault(), true);
  // A form that no script sends goes as the plain form it is, which is kept like a request. First of all on the window, so
  // after the page's own.
  addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const { target, submitter } = event;
    const fields = [...new FormData(target, submitter)].filter(([, value]) => typeof value === "string");
    if (target.getAttribute("method")?.toLowerCase() === "post")
      keep(JSON.stringify({ form: target.getAttribute("action") || "", fields: Object.fromEntries(fields) }));
  });
})();
