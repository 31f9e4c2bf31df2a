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
    return Promise.resolve(new Response(null, { status: 204 }));
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
  document.addEventListener("submit", (event) => event.preventDefault(), true);
})();
