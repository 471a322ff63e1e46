package cachecore;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;
import org.junit.rules.TemporaryFolder;
import org.junit.runner.RunWith;
import org.junit.runners.Parameterized;
import org.junit.runners.Parameterized.Parameters;

/** Runs the scenarios that all bindings share: a test for each. */
@RunWith(Parameterized.class)
public class ScenarioTest {
  /** A line: what is called, and what it answers. */
  private record Step(int line, List<String> call, List<String> result) {}

  private static final Path FILE = Path.of(System.getenv("CACHECORE_SCENARIOS"));

  @Rule public final TemporaryFolder folder = new TemporaryFolder();
  private final List<Step> steps;

  public ScenarioTest(String name, List<Step> steps) {
    this.steps = steps;
  }

  @Parameters(name = "{0}")
  public static Collection<Object[]> scenarios() throws IOException {
    List<Object[]> all = new ArrayList<>();
    List<Step> steps = null;
    int number = 0;
    for (String line : Files.readAllLines(FILE, StandardCharsets.ISO_8859_1)) {
      number++;
      if (line.isEmpty() || line.startsWith("#")) continue;
      List<String> words = Arrays.asList(line.split(" "));
      if (words.get(0).equals("scenario")) {
        steps = new ArrayList<>();
        all.add(new Object[] {words.get(1), steps});
        continue;
      }
      int middle = words.indexOf("=");
      steps.add(
          new Step(number, words.subList(0, middle), words.subList(middle + 1, words.size())));
    }
    assertTrue(FILE + " has " + all.size() + " scenarios", all.size() >= 20);
    return all;
  }

  @Test
  public void run() throws Exception {
    try (Runner runner = new Runner(folder.getRoot().toPath())) {
      for (Step step : steps) {
        List<String> expected = new ArrayList<>();
        for (String word : step.result) expected.add(Runner.latin(Runner.bytesOf(word)));
        String label = String.join(" ", step.call);
        if (label.length() > 200) label = label.substring(0, 200);
        assertEquals("line " + step.line + ": " + label, expected, runner.answer(step.call));
      }
    }
  }
}
