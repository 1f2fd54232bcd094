/// <reference types="vite/client" />
/// <reference types="svelte" />
declare const __VERSION__: string;
declare module 'virtual:content' {
  const url: string;
  export default url;
}
