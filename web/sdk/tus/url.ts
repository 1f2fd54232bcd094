/** Stands for url-parse in the apps' build: tus-js-client asks it where a Location leads from the address that answered with it. Ours are paths of the same server. */
export default class {
  constructor(private readonly link: string, private readonly base: string) {}

  toString(): string {
    return /^https?:/.test(this.base) ? new URL(this.link, this.base).href : this.link;
  }
}
