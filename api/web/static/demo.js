// The demo docs page: the consent switch, "be eight days old", and the three real steps of the quickstart.
(() => {
  "use strict";

  const find = (id) => document.getElementById(id);
  const widget = () => window.warroom.widget().then(() => window.warroomWidget); // fetched at the first use
  const REFUSED = "Your browser asks not to be tracked, and that counts more than this switch: nothing was stored.";

  setUpConsent();
  if (find("step-1")) setUpQuickstart();

  function setUpConsent() {
    const box = find("consent");
    const form = find("age");
    const say = (words) => { find("strip-status").textContent = words; };
    box.disabled = false; // its place is there from the first paint on
    box.checked = remembers();
    box.addEventListener("change", async () => {
      const person = (await widget()).consent(box.checked);
      if (box.checked && !person) {
        box.checked = false;
        say(REFUSED);
      } else say(person ? "One random id is kept in this browser, so that it can be asked one question." : "The id is gone from this browser.");
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const person = (await widget()).consent(true);
      if (!person) return say(REFUSED);
      form.elements.namedItem("person").value = person;
      form.submit();
      return undefined;
    });
  }

  function remembers() {
    try { return localStorage.getItem("warroom.id") !== null; } catch { return false; }
  }

  function setUpQuickstart() {
    const nameForm = find("name-form");
    const fileForm = find("file-form");
    const name = find("card-name");
    const file = find("card-file");
    let card = null;

    open(1);
    nameForm.addEventListener("submit", (event) => {
      event.preventDefault();
      const problem = problemOfName(name.value.trim());
      showNameError(problem);
      if (problem) return name.focus();
      file.value = file.value.replace(/("name":\s*)"[^"]*"/, `$1"${name.value.trim()}"`);
      finish(1);
      checkFile();
      return undefined;
    });
    name.addEventListener("input", () => { if (!find("card-name-error").hidden) showNameError(problemOfName(name.value.trim())); });
    file.addEventListener("input", checkFile);
    fileForm.addEventListener("submit", (event) => {
      event.preventDefault();
      checkFile();
      if (!card) return file.focus();
      showCard(card);
      finish(2);
      return undefined;
    });
    find("finish").addEventListener("click", () => {
      markProgress(4);
      find("finished").textContent = "Done: you have made your first page.";
    });

    function checkFile() {
      const check = find("card-file-check");
      const { problem, value } = readFile(file.value, name.value.trim());
      card = problem ? null : value;
      check.textContent = problem || "The file is right.";
      check.dataset.state = problem ? "bad" : "good";
      file.setAttribute("aria-invalid", String(Boolean(problem)));
    }
  }

  function open(step) {
    for (const number of [1, 2, 3]) find(`step-${number}`).classList.toggle("is-later", number > step);
    markProgress(step);
  }

  function finish(step) {
    find(`step-${step}`).dataset.warroomDone = "";
    open(step + 1);
    find(`step-${step + 1}-title`).focus();
  }

  function markProgress(step) {
    for (const item of document.querySelectorAll("[data-progress]")) {
      const number = Number(item.dataset.progress);
      item.dataset.state = number < step ? "done" : number === step ? "now" : "later";
      if (number === step) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
  }

  function problemOfName(name) {
    if (!name) return "Please type a name.";
    return /^[a-z0-9-]{3,24}$/.test(name) ? "" : "Use 3 to 24 lower-case letters, digits or hyphens.";
  }

  function showNameError(problem) {
    const error = find("card-name-error");
    error.textContent = problem;
    error.hidden = !problem;
    find("card-name").setAttribute("aria-invalid", String(Boolean(problem)));
  }

  function readFile(text, name) {
    let value;
    try { value = JSON.parse(text); } catch (error) { return { problem: `The file is not JSON yet: ${error.message}.` }; }
    return { value, problem: problemOfCard(value, name) };
  }

  function problemOfCard(value, name) {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return "The file must hold one object: { … }.";
    if (value.name !== name) return `“name” must be "${name}", as you chose in step 1.`;
    if (typeof value.greeting !== "string" || !value.greeting.trim()) return "“greeting” is empty. Write what visitors read first.";
    if (value.greeting.length > 80) return "“greeting” may have 80 characters at most.";
    if (!["blue", "green", "orange", "pink"].includes(value.accent)) return "“accent” is not a known colour: use blue, green, orange or pink.";
    const unknown = Object.keys(value).find((key) => !["name", "greeting", "accent"].includes(key));
    return unknown ? `“${unknown}” is not a field of a lantern.` : "";
  }

  function showCard(card) {
    find("lantern").dataset.accent = card.accent;
    find("lantern-greeting").textContent = card.greeting;
    find("lantern-address").textContent = `lantern.example/${card.name}`;
    const link = find("download");
    if (link.href) URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([JSON.stringify(card, null, 2)], { type: "application/json" }));
    link.hidden = false;
  }
})();
