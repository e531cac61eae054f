/** Epochs found in what programs print, as they print it. */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { epochScanner, type Mark, type Pattern, PRESETS } from '../../../lib/tracker/marks'

const begin = (epoch: number, epochs?: number): Mark => ({
  kind: 'begin',
  epoch,
  ...(epochs !== undefined && { epochs }),
})
const end = (epoch: number, epochs?: number): Mark => ({
  kind: 'end',
  epoch,
  ...(epochs !== undefined && { epochs }),
})

function marksIn(pattern: Pattern, ...chunks: (string | Uint8Array)[]): Mark[] {
  const scan = epochScanner(pattern)
  return chunks.flatMap((chunk) => scan(typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
}

/** What each program prints in three epochs, and the marks that are in it. */
const PRINTED: Record<
  Exclude<keyof typeof PRESETS, 'auto'>,
  { source: string; text: string; marks: Mark[] }
> = {
  keras: {
    source: 'Keras 3, model.fit(verbose=1) on a terminal',
    text:
      'Epoch 1/3\n' +
      '\u001b[1m   1/1875\u001b[0m \u001b[37m━━━━━━━━━━━━━━━━━━━━\u001b[0m \u001b[1m4:22\u001b[0m 140ms/step - loss: 2.40' +
      '\b'.repeat(40) +
      '\r\u001b[1m1875/1875\u001b[0m \u001b[32m━━━━━━━━━━━━━━━━━━━━\u001b[0m\u001b[37m\u001b[0m \u001b[1m2s\u001b[0m 1ms/step - loss: 0.48\n' +
      '\nEpoch 1: val_loss improved from inf to 0.31, saving model to best.keras\n' +
      'Epoch 2/3\n\u001b[1m1875/1875\u001b[0m \u001b[1m2s\u001b[0m 1ms/step - loss: 0.30\n' +
      'Epoch 3/3\n\u001b[1m1875/1875\u001b[0m \u001b[1m2s\u001b[0m 1ms/step - loss: 0.24\n',
    marks: [begin(1, 3), begin(2, 3), begin(3, 3)],
  },
  tfjs: {
    source: 'tfjs-node, ProgbarLogger',
    text:
      'Epoch 1 / 3\neta=0.0 ====>-------- loss=0.93 \reta=0.0 =============> loss=0.71 \r' +
      '412ms 412us/step - loss=0.71 val_loss=0.66 \nEpoch 2 / 3\n398ms 398us/step - loss=0.52 \n' +
      'Epoch 3 / 3\n401ms 401us/step - loss=0.44 \n',
    marks: [begin(1, 3), begin(2, 3), begin(3, 3)],
  },
  lightning: {
    source: 'Lightning 2, TQDMProgressBar',
    text:
      'Sanity Checking DataLoader 0:   0%|          | 0/2 [00:00<?, ?it/s]\r' +
      'Training: |          | 0/? [00:00<?, ?it/s]\r' +
      'Epoch 0:   0%|          | 0/20 [00:00<?, ?it/s]\r' +
      'Epoch 0:  45%|████▌     | 9/20 [00:00<00:00, 39.81it/s, v_num=3]\r' +
      'Epoch 0: 100%|██████████| 20/20 [00:00<00:00, 40.02it/s, v_num=3]\n\n' +
      'Validation: |          | 0/? [00:00<?, ?it/s]\u001b[A\r' +
      'Validation DataLoader 0: 100%|██████████| 5/5 [00:00<00:00, 80.1it/s]\u001b[A\r' +
      'Epoch 1:   0%|          | 0/20 [00:00<?, ?it/s, v_num=3]\r' +
      'Epoch 2:   5%|▌         | 1/20 [00:00<00:00, 39.81it/s, v_num=3]',
    marks: [begin(1), begin(2), begin(3)],
  },
  tqdm: {
    source: 'tqdm 4, trange(3) around tqdm(loader, leave=False)',
    text:
      '\r  0%|          | 0/3 [00:00<?, ?it/s]\n' +
      '\r  0%|          | 0/50 [00:00<?, ?it/s]\u001b[A\n' +
      '\r  6%|▌         | 3/50 [00:00<00:01, 29.11it/s]\u001b[A\n' +
      '\r100%|██████████| 50/50 [00:01<00:00, 29.4it/s]\u001b[A\n' +
      '\r                                              \u001b[A\r 33%|███▎      | 1/3 [00:01<00:03,  1.71s/it]\n' +
      '\r 67%|██████▋   | 2/3 [00:03<00:01,  1.70s/it]\r100%|██████████| 3/3 [00:05<00:00,  1.70s/it]\n',
    marks: [begin(1, 3), end(1, 3), end(2, 3), end(3, 3)],
  },
  huggingface: {
    source: 'transformers 4, Trainer with a step bar',
    text:
      '\r  0%|          | 0/1500 [00:00<?, ?it/s]\r 17%|█▋        | 250/1500 [00:20<01:41, 12.3it/s]' +
      '\r                                                  \r' +
      "{'loss': 0.6931, 'grad_norm': 2.1, 'learning_rate': 4.1e-05, 'epoch': 0.5}\n" +
      "{'eval_loss': 0.52, 'eval_accuracy': 0.81, 'eval_runtime': 3.2, 'epoch': 1.0}\n" +
      "{'loss': 0.41, 'grad_norm': 1.9, 'learning_rate': 3e-05, 'epoch': 1.0}\n" +
      "{'loss': 0.40, 'grad_norm': 1.9, 'learning_rate': 3e-05, 'epoch': 1.7}\n" +
      "{'loss': 0.39, 'grad_norm': 1.9, 'learning_rate': 2e-05, 'epoch': 2.1}\n" +
      "{'loss': 0.35, 'grad_norm': 1.9, 'learning_rate': 0.0, 'epoch': 3.0}\n" +
      "{'train_runtime': 61.2, 'train_samples_per_second': 98.0, 'train_loss': 0.44, 'epoch': 3.0}\n",
    marks: [end(1), end(2), end(3)],
  },
}

describe('epochs in the output of a program', () => {
  for (const [name, { source, text, marks }] of Object.entries(PRINTED)) {
    const preset = name as keyof typeof PRESETS
    it(`are those of ${source}`, () => {
      expect(marksIn({ preset }, text)).to.deep.equal(marks)
    })

    it(`are the same of ${name} wherever the output is cut`, () => {
      const bytes = Buffer.from(text)
      const single = [...bytes].map((_, at) => bytes.subarray(at, at + 1))
      expect(marksIn({ preset }, ...single)).to.deep.equal(marks)
      for (let at = 1; at < bytes.length; at += 7) {
        const halves = [bytes.subarray(0, at), bytes.subarray(at)]
        expect(marksIn({ preset }, ...halves), `cut at ${at}`).to.deep.equal(marks)
      }
    })

    it(`are recognised as those of ${name} by auto, where their number is known`, () => {
      expect(marksIn({ preset: 'auto', epochs: 3 }, text)).to.deep.equal(marks)
    })
  }

  it('are described for every preset', () => {
    expect(Object.keys(PRESETS)).to.have.members(['auto', ...Object.keys(PRINTED)])
  })

  it('are not the steps of any bar: tqdm looks for the total that is asked for', () => {
    const inner = '  0%|          | 0/50 [00:00<?, ?it/s]\r  2%|▏         | 1/50 [00:00<?, ?it/s]\r'
    const outer = ' 10%|█         | 1/10 [00:06<00:54,  6.0s/it]\r'
    expect(marksIn({ preset: 'tqdm', epochs: 10 }, inner + outer)).to.deep.equal([end(1, 10)])
    expect(marksIn({ preset: 'auto' }, inner)).to.deep.equal([])
  })

  it('are those of the first program that speaks, with auto', () => {
    const text = `Epoch 1/3\n${PRINTED.huggingface.text}Epoch 2/3\n`
    expect(marksIn({ preset: 'auto' }, text)).to.deep.equal([begin(1, 3), begin(2, 3)])
  })
})

describe('epochs by an expression', () => {
  const numbered: Pattern = { regex: /epoch (?<epoch>\d+) of (?<epochs>\d+)/i, at: 'end' }

  it('have the number and the total that its groups name', () => {
    expect(marksIn(numbered, 'Epoch 3 of 10 done\n')).to.deep.equal([end(3, 10)])
  })

  it('have no number where there is none, and then each line is one', () => {
    const marks = marksIn({ regex: /^new epoch/, at: 'begin' }, 'new epoch\nnew epoch\n')
    expect(marks).to.deep.equal([{ kind: 'begin' }, { kind: 'begin' }])
  })

  it('are told before the line ends, but not before the number has', () => {
    const scan = epochScanner({ regex: /epoch (?<epoch>\d+)/, at: 'begin' })
    expect(scan(Buffer.from('epoch 1'))).to.deep.equal([])
    expect(scan(Buffer.from('2:'))).to.deep.equal([begin(12)])
    expect(scan(Buffer.from(' 50 %\n'))).to.deep.equal([])
  })

  it('are told once in a row for each number, by redrawn lines too', () => {
    const marks = marksIn(numbered, 'epoch 1 of 2\repoch 1 of 2\repoch 2 of 2\repoch 1 of 2\r')
    expect(marks).to.deep.equal([end(1, 2), end(2, 2), end(1, 2)])
  })

  it('do not depend on flags that make an expression remember', () => {
    const regex = /epoch (?<epoch>\d)/gy
    regex.lastIndex = 5
    expect(marksIn({ regex, at: 'end' }, 'epoch 1\nepoch 2\n')).to.deep.equal([end(1), end(2)])
  })

  it('may hold any character, though bytes that are none stand beside', () => {
    const line = Buffer.concat([Buffer.from([0xff, 0xfe, 10]), Buffer.from('Época 3 – fin\n')])
    expect(marksIn({ regex: /Época (?<epoch>\d+) –/, at: 'end' }, line)).to.deep.equal([end(3)])
  })

  it('are not looked for beyond 4096 bytes of a line', () => {
    const regex = /(?<epoch>\d+)!/
    const far = `${' '.repeat(5000)}1!\n${' '.repeat(4000)}2!\n`
    expect(marksIn({ regex, at: 'end' }, far)).to.deep.equal([end(2)])
    expect(marksIn({ regex, at: 'end' }, far.slice(0, 3000), far.slice(3000))).to.deep.equal([
      end(2),
    ])
  })
})

describe('output without lines', () => {
  /** Bytes of memory that scanning keeps, buffers included. */
  function kept(chunk: Buffer, times: number): number {
    const scan = epochScanner({ preset: 'auto', epochs: 10 })
    const held = () => {
      gc!()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    scan(chunk)
    const before = held()
    for (let n = 0; n < times; n++) expect(scan(chunk)).to.deep.equal([])
    const after = held()
    expect(scan(Buffer.from('\nEpoch 1/10\n'))).to.deep.equal([begin(1, 10)])
    return after - before
  }

  it('of 50 MB takes no memory, nor do 50 MB that are no text', () => {
    expect(kept(Buffer.alloc(65_536, 'x'), 800)).to.be.below(2 ** 23)
    expect(kept(randomBytes(65_536), 800)).to.be.below(2 ** 23)
  })
})
