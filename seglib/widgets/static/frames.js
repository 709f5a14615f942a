var M=`/* One look for all widgets. Ink and paper come from the page's own variables (Jupyter Book, JupyterLab, VS Code,
   Colab); the Okabe-Ito colours keep their meaning in the whole book. */
.seglib {
  --seg-ink: var(--pst-color-text-base, var(--jp-content-font-color1, var(--vscode-foreground, #1f2328)));
  --seg-quiet: var(--pst-color-text-muted, var(--jp-content-font-color1, var(--vscode-foreground, #48566b)));
  --seg-paper: var(--pst-color-background, var(--jp-layout-color1, var(--vscode-editor-background, #fff)));
  --seg-tint: var(--pst-color-surface, var(--jp-layout-color2, var(--vscode-editorWidget-background, #f3f4f5)));
  --seg-line: var(--pst-color-border, var(--jp-border-color1, var(--vscode-panel-border, #d1d5da)));
  --seg-accent: #0a6b7d;
  --seg-input: #0072b2;
  --seg-kernel: #e69f00;
  --seg-output: #009e73;
  --seg-prediction: #cc79a7;
  --seg-error: #d55e00;
  --seg-unseen: #999999;
  --seg-error-ink: #a33f00;
  container-type: inline-size;
  box-sizing: border-box;
  margin: 1rem 0;
  padding: 1rem;
  border: 1px solid var(--seg-line);
  border-radius: 0.5rem;
  background: var(--seg-paper);
  color: var(--seg-ink);
  font-size: 0.9375rem;
  line-height: 1.4;
  font-variant-numeric: tabular-nums;
}
.seglib[data-dark="true"] {
  --seg-ink: var(--pst-color-text-base, var(--jp-content-font-color1, var(--vscode-foreground, #ced6dd)));
  --seg-quiet: var(--pst-color-text-muted, var(--jp-content-font-color1, var(--vscode-foreground, #b0b8c2)));
  --seg-paper: var(--pst-color-background, var(--jp-layout-color1, var(--vscode-editor-background, #14181e)));
  --seg-tint: var(--pst-color-surface, var(--jp-layout-color2, var(--vscode-editorWidget-background, #29313d)));
  --seg-line: var(--pst-color-border, var(--jp-border-color1, var(--vscode-panel-border, #48566b)));
  --seg-accent: #3fb1c5;
  --seg-input: #56b4e9; /* Okabe-Ito's sky blue: the same meaning, visible on dark paper */
  --seg-error-ink: #ff9b5c;
  color-scheme: dark;
}
.seglib *, .seglib *::before { box-sizing: border-box; }
.seglib [hidden] { display: none !important; }
.seglib .seg-title { margin: 0 0 0.75rem; font-weight: 600; font-size: 1rem; }
.seglib .seg-controls { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; align-items: end; margin: 0 0 0.75rem; }
/* What a slider's step costs the page. No flex items, and sizes that do not depend on the text: then a step lays out six
   boxes, not the page. Paper of its own in a group of its own, no clip, and no letter that leans over the paper's edge:
   then neither the outline nor the opaque part of what is painted changes, and the browser paints it anew without sorting
   all of the page into layers again. tests/site/test_slider_cost.py holds it, benchmarks/slider_latency.py measures it. */
.seglib .seg-control { flex: 1 1 10rem; min-width: 0; isolation: isolate; background: var(--seg-paper); }
.seglib .seg-control > label { display: block; position: relative; margin: 0; font-weight: 500; }
.seglib .seg-control > select { width: 100%; }
.seglib .seg-control output { contain: layout size; display: block; position: absolute; inset: 0 0 auto; block-size: 1.4em; padding-inline-end: 2px; font-weight: 600; text-align: end; white-space: nowrap; }
.seglib input[type="range"] { contain: layout size; display: block; width: 100%; height: 2rem; margin: 0; accent-color: var(--seg-accent); cursor: pointer; background: none; }
.seglib select, .seglib button {
  min-height: 2rem; padding: 0.25rem 0.625rem; border: 1px solid var(--seg-quiet); border-radius: 0.375rem;
  background: var(--seg-paper); color: inherit; font: inherit; cursor: pointer; max-width: 100%;
}
.seglib button:hover { background: var(--seg-tint); }
.seglib button[aria-pressed="true"] { background: var(--seg-accent); border-color: var(--seg-accent); color: var(--seg-paper); }
.seglib button:disabled { opacity: 0.5; cursor: not-allowed; }
@media (pointer: coarse) {
  .seglib input[type="range"], .seglib select, .seglib button { min-height: 2.75rem; }
}
.seglib :is(input, select, button, canvas, summary, pre):focus-visible { outline: 3px solid var(--seg-accent); outline-offset: 2px; }
.seglib figure { margin: 0; padding: 0; min-width: 0; }
.seglib figure figcaption { margin: 0.25rem 0 0; padding: 0; color: var(--seg-quiet); font-size: 0.8125rem; font-weight: 400; font-family: inherit; text-align: start; }
/* A layer of its own: a new picture does not repaint the card, nor a new number the pictures. */
.seglib canvas { will-change: transform; display: block; width: 100%; border-radius: 0.25rem; touch-action: pan-y; background: var(--seg-tint); }
.seglib canvas[tabindex] { cursor: crosshair; }
.seglib dl.seg-readouts { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; margin: 0.75rem 0; padding: 0.5rem 0.75rem; border-radius: 0.375rem; background: var(--seg-tint); }
.seglib .seg-readouts > div { display: flex; gap: 0.4rem; align-items: center; margin: 0; }
.seglib .seg-readouts > div > :is(dt, dd) { float: none; display: block; width: auto; margin: 0; padding: 0; }
.seglib .seg-readouts > div > dt { font-weight: 400; }
.seglib .seg-readouts > div > dd { font-weight: 600; }
.seglib .seg-legend { display: flex; flex-wrap: wrap; gap: 0.125rem 1rem; margin: 0.5rem 0 0; padding: 0; list-style: none; font-size: 0.8125rem; }
.seglib .seg-legend li { display: flex; align-items: center; gap: 0.4rem; margin: 0; }
.seglib .seg-swatch { flex: none; width: 0.875rem; height: 0.875rem; border: 2px solid var(--swatch); border-radius: 2px; }
.seglib .seg-swatch[data-cue="fill"] { background: var(--swatch); }
.seglib .seg-swatch[data-cue="hatch"] { background: repeating-linear-gradient(45deg, var(--swatch) 0 1.5px, transparent 1.5px 4px); border-width: 1px; }
.seglib .seg-swatch[data-cue="dash"] { border-style: dashed; }
.seglib .seg-actions { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; margin: 0.75rem 0 0; font-size: 0.8125rem; }
.seglib .seg-status { color: var(--seg-quiet); flex: 1 1 14rem; }
.seglib .seg-reason { margin: 0.25rem 0 0; color: var(--seg-error-ink); }
.seglib .seg-reason::before { content: "✕ "; }
.seglib .seg-code { margin: 0.5rem 0 0; max-height: 16rem; overflow: auto; padding: 0.75rem; border: 1px solid var(--seg-line); border-radius: 0.375rem; background: var(--seg-tint); color: inherit; font-size: 0.8125rem; white-space: pre; }
.seglib .seg-hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media print { .seglib .seg-actions, .seglib .seg-controls { display: none; } }
`;function o(e,t={},...s){let r=document.createElement(e);for(let[a,i]of Object.entries(t))typeof i=="function"?r.addEventListener(a.slice(2),i):i===!0?r.setAttribute(a,""):i!==!1&&i!=null&&r.setAttribute(a,i);return r.append(...s.filter(a=>a!=null)),r}function R(e,t){e.firstChild?.nodeType!==Node.TEXT_NODE?e.textContent=t:e.firstChild.data!==t&&(e.firstChild.data=t)}var D=(e,t,s)=>e.getAttribute(t)!==s&&e.setAttribute(t,s),I=0,W=()=>`seg-${++I}-${Math.random().toString(36).slice(2,7)}`;function O(e){for(let t=e;t;t=t.parentElement??t.getRootNode().host){let[s,r,a,i=1]=(getComputedStyle(t).backgroundColor.match(/[\d.]+/g)??[0,0,0,0]).map(Number);if(i>.5)return .299*s+.587*r+.114*a<128}return matchMedia("(prefers-color-scheme: dark)").matches}function S(e,{label:t,redraw:s}){let r=o("section",{class:"seglib","aria-label":t},o("style",{},M));e.append(r);let a=new Map,i=()=>{r.dataset.dark=O(e),r.dataset.dark=O(r)},g=()=>{a.clear(),i(),s()},p=new MutationObserver(g);for(let c of[document.documentElement,document.body])p.observe(c,{attributeFilter:["class","theme","data-theme","data-mode","data-jp-theme-light","data-jp-theme-name"]});let l=matchMedia("(prefers-color-scheme: dark)");return l.addEventListener("change",g),i(),{root:r,colour(c){return a.has(c)||a.set(c,getComputedStyle(r).getPropertyValue(`--seg-${c}`).trim()),a.get(c)},dispose(){p.disconnect(),l.removeEventListener("change",g),r.remove()}}}function A({label:e,min:t,max:s,step:r=1,format:a=String,oninput:i}){let g=W(),p=o("output",{for:g}),l=o("input",{type:"range",id:g,min:t,max:s,step:r,oninput:()=>(c(),i(Number(l.value)))}),c=()=>{let d=a(Number(l.value));R(p,d),D(l,"aria-valuetext",d)};return{element:o("div",{class:"seg-control"},o("label",{for:g},e,p),l),input:l,set(d){l.value!==String(d)&&(l.value=d),c()},range(d,h){l.min=d,l.max=h,c()}}}var w=(e,t,s={})=>o("button",{type:"button",onclick:t,...s},e);function q(){let e=o("p",{class:"seg-hidden","aria-live":"polite"}),t;return{element:e,say(s){clearTimeout(t),t=setTimeout(()=>R(e,s),500)},dispose:()=>clearTimeout(t)}}var B=2;function N(e,{later:t=!1}={}){let s=!1,r=0,a=()=>{s=!1;let i=performance.now();e(),r=.7*r+.3*(performance.now()-i)};return()=>{s||(s=!0,r<B&&!t?queueMicrotask(a):F(a))}}function F(e){requestAnimationFrame(()=>{let{port1:t,port2:s}=new MessageChannel;t.onmessage=()=>(t.close(),e()),s.postMessage(null)})}async function J({model:e,el:t}){let[s,r,a,i]=["pictures","labels","alts","captions"].map(n=>e.get(n)),[g,p,l,c]=e.get("size"),d=e.get("beside"),h=s.length-1,f=N(T,{later:!0}),b=S(t,{label:`${e.get("name")}: ${s.length} pictures`,redraw:f}),m=q(),v=n=>(e.set("frame",n),e.save_changes(),f()),x=()=>Math.max(0,Math.min(h,e.get("frame"))),y=s.map((n,u)=>o("img",{src:n,alt:a[u],width:g,height:p,draggable:"false"})),k=o("figcaption"),C=A({label:e.get("name"),min:0,max:h,format:n=>r[n],oninput:v}),[E,j]=[[-1,"Back"],[1,"Next"]].map(([n,u])=>w(u,()=>v(x()+n))),P=w("Reset",()=>v(e.get("defaults").frame)),z=o("span",{class:"seg-status"}),L=o("style",{},`
    .seglib .seg-stage { display: grid; gap: 0.375rem; grid-template-columns: ${l?`${l/c}fr`:""} ${g/p}fr; max-width: ${(g+l)*3}px; margin-inline: auto; }
    .seglib .seg-stage > img { width: 100%; height: auto; border-radius: 0.25rem; margin: 0; background: none; }
    .seglib .seg-frames { display: grid; }
    .seglib .seg-frames img { grid-area: 1 / 1; display: block; width: 100%; height: auto; margin: 0; border-radius: 0.25rem; background: none; }
    .seglib .seg-frames img:not([data-shown]) { visibility: hidden; }
    .seglib[data-pixelated="true"] .seg-stage img { image-rendering: pixelated; }
    .seglib .seg-stage + figcaption { min-height: 2.8em; }
    .seglib .seg-stage + figcaption:empty { min-height: 0; }`);b.root.dataset.pixelated=e.get("pixelated"),b.root.append(L,o("div",{class:"seg-controls"},C.element),o("figure",{},o("div",{class:"seg-stage"},d?o("img",{src:d,alt:"",width:l,height:c}):null,o("div",{class:"seg-frames"},...y)),k),o("div",{class:"seg-actions"},E,j,P,z),m.element);function T(){let n=x();y.forEach((u,$)=>{u.toggleAttribute("data-shown",$===n),u.setAttribute("aria-hidden",$!==n)}),C.set(n),k.textContent=i[n]??"",z.textContent=`${n+1} of ${s.length}`,E.disabled=n===0,j.disabled=n===h,m.say(`${r[n]}. ${i[n]??""}`)}return e.on("change:frame",f),T(),()=>{e.off("change:frame",f),m.dispose(),b.dispose()}}var Y={render:J};export{Y as default};
