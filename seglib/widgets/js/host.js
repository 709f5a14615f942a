// The static page as a host for anywidget's front-end modules: no kernel, no network, over http and over file://.
// Python writes `mountWidget({ key, esm, state, settings })` beside the fallback picture (see base.py).

/** Settings in the page's address: #dilation.rate=4&dilation.filter="blur". Values are JSON. */
export function readLink(hash, key, settings) {
  const values = {};
  const refused = [];
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ""))) {
    const [owner, setting] = name.split(".");
    if (owner !== key || !(setting in settings)) continue;
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    if (legal(value, settings[setting])) values[setting] = value;
    else refused.push(`${setting}=${text}`);
  }
  return { values, refused };
}

/** The same legal values as Python's traits, which wrote `rule`. */
export function legal(value, rule) {
  if (rule.values) return rule.values.includes(value);
  if (rule.items)
    return Array.isArray(value) && value.length >= rule.min && value.length <= rule.max && value.every((item) => legal(item, rule.items));
  if (rule.type === "integer") return Number.isInteger(value) && value >= rule.min && value <= rule.max;
  if (rule.type === "boolean") return typeof value === "boolean";
  return rule.type === "any" && value !== undefined; // the widget itself tests what only it can judge
}

/** The page's address with this widget's settings in it: only those that differ from the default. */
export function writeLink(hash, key, settings, defaults, get) {
  const before = hash.replace(/^#/, "");
  const link = new URLSearchParams(before.includes("=") ? before : "");
  for (const setting of Object.keys(settings)) {
    const text = JSON.stringify(get(setting));
    if (text === JSON.stringify(defaults[setting])) link.delete(`${key}.${setting}`);
    else link.set(`${key}.${setting}`, text);
  }
  return link.size ? `#${link}` : "";
}

/** anywidget's model, without a kernel behind it. */
export function staticModel(state) {
  const values = { ...state };
  const listeners = new Map();
  const emit = (event) => [...(listeners.get(event) ?? [])].forEach((listener) => listener());
  return {
    get: (name) => values[name],
    set(name, value) {
      if (JSON.stringify(values[name]) === JSON.stringify(value)) return;
      values[name] = value;
      emit(`change:${name}`);
      emit("change");
    },
    on: (event, listener) => listeners.set(event, (listeners.get(event) ?? new Set()).add(listener)),
    off(event, listener) {
      if (listener) listeners.get(event)?.delete(listener);
      else listeners.delete(event);
    },
    save_changes() {},
    send() {},
  };
}

const bytes = (text) => new DataView(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

export async function mountWidget({ key, esm, state, settings }) {
  const place = document.querySelector(`.seglib-widget[data-key="${key}"][data-state="loading"]`);
  if (!place) return;
  const fallback = place.querySelector(".seglib-fallback");
  const el = document.createElement("div");
  try {
    for (const name of Object.keys(state)) if (state[name]?.$bytes) state[name] = bytes(state[name].$bytes);
    const model = staticModel(state);
    const arrived = readLink(location.hash, key, settings);
    Object.entries(arrived.values).forEach(([name, value]) => model.set(name, value));
    const address = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
    const module = await import(address).finally(() => URL.revokeObjectURL(address));
    place.append(el);
    await module.default.render({ model, el });
    fallback.hidden = true;
    place.dataset.state = "mounted";
    if (arrived.refused.length) note(place, `The link asks for ${arrived.refused.join(", ")}, which is not legal here; shown is the default.`);
    if (Object.keys(arrived.values).length) place.scrollIntoView({ block: "start" });
    keepLink(model, key, settings, state.defaults);
  } catch (error) {
    el.remove(); // no half-built card
    fallback.hidden = false;
    place.dataset.state = "failed";
    note(place, `This figure could not start (${error.message}); here is a still picture of it.`);
  }
}

function note(place, text) {
  const line = document.createElement("p");
  line.className = "seglib-note";
  line.textContent = text;
  place.append(line);
}

function keepLink(model, key, settings, defaults) {
  let timer;
  model.on("change", () => {
    clearTimeout(timer);
    // browsers stop listening to pages that rewrite their address at every step of a drag
    timer = setTimeout(() => {
      const hash = writeLink(location.hash, key, settings, defaults, model.get);
      if (hash !== location.hash) history.replaceState(history.state, "", hash || location.pathname + location.search);
    }, 250);
  });
  addEventListener("hashchange", () => {
    const { values } = readLink(location.hash, key, settings);
    // an ordinary jump to a heading leaves the figure as it is
    if (!location.hash.includes("=")) return;
    for (const setting of Object.keys(settings)) model.set(setting, values[setting] ?? defaults[setting]);
  });
}
